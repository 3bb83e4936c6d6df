import { afterAll, beforeAll, expect, test } from "vitest"
import { readCommandsLog } from "../support/read-commands-log.ts"
import { runCli } from "../support/run-cli.ts"
import { createTestLedger, insertLedger, type TestLedger } from "../support/test-ledger.ts"

let ledger: TestLedger
beforeAll(async () => {
  ledger = await createTestLedger()
  await insertLedger(ledger.db)
})
afterAll(() => ledger.close())

const run = (...args: string[]) => runCli(args, { DATABASE_URL: ledger.database.appUrl }).ended
const lanes = () => ledger.db.selectFrom("settlement.lanes").select(["paused_by", "paused_reason"]).execute()

test("settlement of every ledger is paused with a reason, and resumed with what it was paused for", async () => {
  expect(await run("pause", "--reason", "an upgrade")).toMatchObject({ code: 0, stdout: "paused 2 lanes\n" })
  expect(await lanes()).toEqual(
    Array.from({ length: 2 }, () => ({ paused_by: "operator", paused_reason: "an upgrade" })),
  )
  const again = await run("pause", "--token", "CPOP", "--reason", "another")
  expect(again.stdout).toBe("paused 2 lanes (2 were paused already and keep their first reason)\n")
  const resumed = await run("resume", "--token", "CPOP")
  expect(resumed.stdout).toMatch(new RegExp(`${ledger.ledgerId} token ${ledger.tokenId}: .*: an upgrade\n`))
  expect(resumed.stdout).toMatch(/resumed 2 lanes\n$/)
  expect(await lanes()).toEqual(Array.from({ length: 2 }, () => ({ paused_by: null, paused_reason: null })))
  expect((await run("resume")).stdout).toBe("resumed 0 lanes\n")
})

test("whatever a command does is told of, to each app that it concerns", async () => {
  await run("flush", "--token", "CPOP")
  const told = await readCommandsLog(ledger.db)
  const paused = [`token ${ledger.tokenId}`]
  expect(told.filter(({ ledger_id }) => ledger_id === ledger.ledgerId)).toEqual([
    { action: "settlement.paused", ledger_id: ledger.ledgerId, after: { paused, reason: "an upgrade" } },
    { action: "settlement.paused", ledger_id: ledger.ledgerId, after: { paused, reason: "another" } },
    { action: "settlement.resumed", ledger_id: ledger.ledgerId, after: { paused: [] } },
    { action: "settlement.flush_requested", ledger_id: ledger.ledgerId, after: { token: "CPOP" } },
  ])
  expect(told).toHaveLength(8)
})

test("what cannot be meant is refused in a sentence", async () => {
  const withoutReason = await run("pause")
  expect(withoutReason.code).not.toBe(0)
  expect(withoutReason.stderr).toContain("--reason")
  expect((await run("pause", "--reason", " ")).stderr).toContain("1 to 500 printable characters")
  const unknown = await run("resume", "--token", "NOPE")
  expect(unknown.code).not.toBe(0)
  expect(unknown.stderr).toContain("there is no token NOPE")
})
