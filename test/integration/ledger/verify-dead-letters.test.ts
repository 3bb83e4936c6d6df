import pg from "pg"
import { afterAll, beforeAll, expect, test } from "vitest"
import { verifyLedger } from "../../../ledger/audit/verify-ledger.ts"
import { createLedgerWriter } from "../../../ledger/writer/ledger-writer.ts"
import { createTokenDirectory } from "../../../ledger/writer/token-directory.ts"
import { createLogger } from "../../../platform/logger.ts"
import { discard, giveUp } from "../../support/give-up.ts"
import { startProjections, whenCurrent } from "../../support/projection-fixture.ts"
import { settleByHand } from "../../support/settle-by-hand.ts"
import { adjustCommand, createTestLedger, type TestLedger } from "../../support/test-ledger.ts"

let ledger: TestLedger
let owner: pg.Client
beforeAll(async () => {
  ledger = await createTestLedger()
  owner = new pg.Client({ connectionString: ledger.database.ownerUrl })
  await owner.connect()
  const tokens = createTokenDirectory(ledger.db, ledger.ledgerId)
  const writer = createLedgerWriter({ ...ledger, tokens, logger: createLogger("test", "silent") })
  const changes = [
    ["ann", 100n],
    ["bob", 50n],
    ["cleo", 7n],
    ["bob", -3n],
  ] as const
  await writer.execute(adjustCommand(ledger.tokenId, "first", changes))
  await writer.stop()
  const settlement = await settleByHand(ledger.db, ledger.ledgerId, ledger.tokenId)
  const [bob = 0n] = await giveUp(ledger, settlement, ["bob", "cleo"])
  await discard(ledger, bob)
  // Ann alone: what is left of the batch.
  await settlement.seal()
  const projections = startProjections(ledger.db)
  await whenCurrent(ledger.db)
  await projections.stop()
})
afterAll(async () => {
  await owner?.end()
  await ledger?.close()
})

const verify = () => verifyLedger(ledger.db, ledger.ledgerId)

test("a ledger with a batch that was taken apart and a change that was discarded holds", async () => {
  expect(await verify()).toMatchObject({ ok: true })
  const { rows } = await owner.query(
    `SELECT a.user_id, b.pending::text, i.state, i.batch_sequence::int, i.amount::text FROM settlement.batch_items i
     JOIN ledger.accounts a USING (ledger_id, account_id) JOIN ledger.balances b USING (ledger_id, account_id) ORDER BY i.position`,
  )
  expect(rows.map((row) => Object.values(row).join(" "))).toEqual([
    "ann 100 sealed 2 100",
    "bob 0 discarded  50",
    "cleo 7 waiting  7",
    "bob 0 discarded  -3",
  ])
})

test("analysts see what became of each change", async () => {
  const { rows: history } = await owner.query(
    "SELECT user_id, kind, amount::text, balance_after::text, status FROM analytics.history ORDER BY position",
  )
  expect(history.map((row) => Object.values(row).join(" "))).toEqual([
    "ann AdjustmentRecorded 100 100 batching",
    "bob AdjustmentRecorded 50 50 discarded",
    "cleo AdjustmentRecorded 7 7 pending",
    "bob AdjustmentRecorded -3 47 discarded",
    "bob SettlementDiscarded -47 0 confirmed",
  ])
  const { rows: operations } = await owner.query(
    "SELECT status, changes, settled, failed::int FROM analytics.operation_status",
  )
  expect(operations).toEqual([{ status: "attention", changes: 4, settled: 2, failed: 1 }])
  const { rows: totals } = await owner.query(
    "SELECT reason_type, credits::text, debits::text FROM analytics.daily_totals ORDER BY 1",
  )
  expect(totals).toEqual([
    { reason_type: "adjustment", credits: "0", debits: "47" },
    { reason_type: "reward", credits: "157", debits: "3" },
  ])
})

test.each([
  [
    "a discarded change waits again",
    /^settlement\.batch_items/,
    "settlement.batch_items",
    "UPDATE settlement.batch_items SET state = 'waiting' WHERE state = 'discarded' AND amount > 0",
  ],
  [
    "a waiting change is discarded",
    /^settlement\.batch_items/,
    "settlement.batch_items",
    "UPDATE settlement.batch_items SET state = 'discarded' WHERE state = 'waiting'",
  ],
  [
    "a discarded change may be reversed again",
    /^ledger\.reversals lacks/,
    "ledger.reversals",
    "DELETE FROM ledger.reversals WHERE reversed_position = (SELECT min(reversed_position) FROM ledger.reversals)",
  ],
  [
    "the batch that was taken apart is to be sent",
    /^settlement\.batches, batch 1: dissolved_position is null/,
    "settlement.batches",
    "UPDATE settlement.batches SET state = 'sealed', dissolved_position = NULL WHERE batch_sequence = 1",
  ],
  [
    "another batch is given up",
    /^settlement\.batches, batch 2: dissolved_position is 1/,
    "settlement.batches",
    "UPDATE settlement.batches SET state = 'dead_letter', dissolved_position = 1 WHERE batch_sequence = 2",
  ],
  [
    "an account is in the batch that was taken apart",
    /^settlement\.batch_accounts?|batch 1: settlement\.batch_accounts/,
    "settlement.batch_accounts",
    "UPDATE settlement.batch_accounts SET state = 'open' WHERE batch_sequence = 1 AND account_id = 3",
  ],
] as const)("verify sees that %s", async (_, problem, table, statement) => {
  // Triggers would refuse some of it.
  await owner.query(`SET session_replication_role = replica; CREATE TEMP TABLE kept AS TABLE ${table}`)
  try {
    expect((await owner.query(statement)).rowCount).toBeGreaterThan(0)
    expect(await verify()).toMatchObject({ ok: false, problem: expect.stringMatching(problem) })
  } finally {
    await owner.query(`DELETE FROM ${table}; INSERT INTO ${table} TABLE kept; DROP TABLE kept`)
  }
  expect(await verify()).toMatchObject({ ok: true })
})
