import { afterAll, beforeAll, expect, test } from "vitest"
import { verifyLedger } from "../../ledger/audit/verify-ledger.ts"
import { liveThrough } from "../support/live-through.ts"
import { readCommandsLog } from "../support/read-commands-log.ts"
import { runCli } from "../support/run-cli.ts"
import { createTestLedger, type TestLedger } from "../support/test-ledger.ts"

let ledger: TestLedger
beforeAll(async () => {
  ledger = await createTestLedger()
  await liveThrough(ledger)
})
afterAll(() => ledger?.close())

const redact = (...args: string[]) =>
  runCli(["redact", "--ledger", ledger.ledgerId, ...args], { DATABASE_URL: ledger.database.appUrl }).ended

test("chainbridge redact erases what was said of a user, says how much, and finds nothing the second time", async () => {
  const detailsOf = async (user: string) =>
    (
      await ledger.db
        .selectFrom("ledger.events as e")
        .innerJoin("ledger.accounts as a", "a.account_id", "e.account_id")
        .select("e.position")
        .where("a.user_id", "=", user)
        .where("e.details", "is not", null)
        .execute()
    ).length
  const before = await detailsOf("bob")
  expect(before).toBeGreaterThan(1)
  const others = await detailsOf("ann")
  const done = await redact("--user", "bob", "--reason", "request 4711")
  expect([done.code, done.stderr]).toEqual([
    0,
    expect.stringContaining(`the details of ${before} events of bob`),
  ])
  expect([await detailsOf("bob"), await detailsOf("ann")]).toEqual([0, others])
  expect((await redact("--user", "bob", "--reason", "again")).stderr).toContain(
    "nothing that was said of bob is left",
  )
  expect(await readCommandsLog(ledger.db)).toEqual([
    { action: "redaction.requested", ledger_id: ledger.ledgerId, after: { reason: "request 4711" } },
  ])
  expect(await verifyLedger(ledger.db, ledger.ledgerId)).toMatchObject({ ok: true, redacted: BigInt(before) })
})

test("chainbridge redact refuses a user that nobody knows, and a missing reason, in one sentence", async () => {
  const unknown = await redact("--user", "nobody", "--reason", "x")
  expect([unknown.code, unknown.stderr]).toEqual([1, expect.stringContaining('has no user "nobody"')])
  expect((await redact("--user", "ann")).code).not.toBe(0)
  expect((await redact("--user", "ann", "--reason", " ")).stderr).toContain("1 to 200 characters")
})
