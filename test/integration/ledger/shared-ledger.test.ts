import { randomUUID } from "node:crypto"
import type pg from "pg"
import { afterAll, beforeAll, expect, it } from "vitest"
import { verifyLedger } from "../../../ledger/audit/verify-ledger.ts"
import { createAccountMemory, type LedgerMemory } from "../../../ledger/writer/account-memory.ts"
import { createTokenDirectory } from "../../../ledger/writer/token-directory.ts"
import { writeGroup } from "../../../ledger/writer/write-group.ts"
import { createWriterPool } from "../../../ledger/writer/writer-pool.ts"
import { adjustCommand, createTestLedger, insertLedger, type TestLedger } from "../../support/test-ledger.ts"

let ledger: TestLedger
let pool: pg.Pool
/** Names of the statements that were sent by way of `pool`. */
let sent: string[] = []
beforeAll(async () => {
  ledger = await createTestLedger()
  pool = createWriterPool({ databaseUrl: ledger.database.appUrl, applicationName: "test" })
  pool.on("connect", (client) => {
    const query = client.query.bind(client) as (...values: unknown[]) => unknown
    client.query = ((...values: unknown[]) => {
      const [{ name }] = values as [{ readonly name?: string }]
      if (name !== undefined) sent.push(name)
      return query(...values)
    }) as typeof client.query
  })
})
afterAll(async () => {
  await pool?.end()
  await ledger?.close()
})

type Change = readonly [user: string, amount: bigint]

/** A group of one operation, and how accounts were asked for. */
async function write(
  ledgerId: string,
  memory: LedgerMemory,
  ...changes: readonly Change[]
): Promise<{ readonly outcome: string; readonly asked: readonly string[] }> {
  sent = []
  const command = adjustCommand(ledger.tokenId, randomUUID(), changes)
  const tokens = createTokenDirectory(ledger.db, ledgerId)
  const [written] = await writeGroup(pool, tokens, memory, ledgerId, [command], () => new Date())
  const asked = sent.filter((name) => /^ledger-find-(?:accounts|balances)$/.test(name))
  return { outcome: written?.outcome ?? "none", asked: asked.map((name) => name.slice(12)) }
}

it("asks by id for balances that another process has made old, and at once from the second time on", async () => {
  const ledgerId = await insertLedger(ledger.db)
  const [ours, theirs] = [createAccountMemory()(), createAccountMemory()()]
  const by = (memory: LedgerMemory, ...changes: readonly Change[]) => write(ledgerId, memory, ...changes)
  expect(await by(ours, ["ann", 10n], ["bob", 10n])).toEqual({ outcome: "recorded", asked: ["accounts"] })
  expect(await by(ours, ["ann", -1n])).toEqual({ outcome: "recorded", asked: [] })
  await by(theirs, ["ann", -9n])
  expect(await by(ours, ["ann", -1n])).toEqual({ outcome: "refused", asked: ["balances"] })
  // Alone again: once more at once, and then not at all.
  expect(await by(ours, ["bob", -1n])).toEqual({ outcome: "recorded", asked: ["balances"] })
  expect(await by(ours, ["bob", -1n])).toEqual({ outcome: "recorded", asked: [] })
  await by(theirs, ["bob", 1n], ["cid", 1n])
  expect(await by(ours, ["bob", -9n], ["ann", 1n], ["cid", -1n])).toEqual({
    outcome: "recorded",
    asked: ["accounts", "balances"],
  })
  await by(theirs, ["bob", 5n])
  expect(await by(ours, ["bob", -5n], ["cid", 2n])).toEqual({ outcome: "recorded", asked: ["balances"] })
  expect(await by(ours, ["bob", -1n])).toMatchObject({ outcome: "refused" })
  expect(await verifyLedger(ledger.db, ledgerId)).toMatchObject({ ok: true })
})

it("believes no id that it has learnt from another log, as the one before a restore", async () => {
  const [before, restored] = [await insertLedger(ledger.db), await insertLedger(ledger.db)]
  for (const isShared of [false, true]) {
    const memory = createAccountMemory()()
    const other = createAccountMemory()()
    await write(before, memory, ["ann", 1n], ["bob", 100n])
    if (isShared) {
      await write(before, other, ["ann", 1n])
      await write(before, memory, ["bob", 1n])
      expect(memory.isShared()).toBe(true)
    }
    // There bob has the id that ann has here, and as many events.
    await write(restored, other, ["bob", 100n], ["ann", 1n])
    for (let more = 0; more < 3; more += 1) await write(restored, other, ["ann", 1n])
    expect(await write(restored, memory, ["bob", -50n])).toEqual({
      outcome: "recorded",
      asked: ["balances", "accounts"],
    })
    expect(await write(restored, memory, ["ann", -40n])).toMatchObject({ outcome: "refused" })
    expect(await verifyLedger(ledger.db, restored)).toMatchObject({ ok: true })
  }
})
