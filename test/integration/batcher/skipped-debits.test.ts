import { randomUUID } from "node:crypto"
import { sql } from "kysely"
import { afterAll, beforeAll, expect, it } from "vitest"
import { giveUpDeferred } from "../../../batcher/store/give-up-deferred.ts"
import { deferralDepthFactor } from "../../../batcher/store/held-back.ts"
import { holdLane } from "../../../batcher/store/leases.ts"
import { loadWaiting } from "../../../batcher/store/waiting-changes.ts"
import { closeDeadLetter } from "../../../ledger/dead-letters/close-dead-letter.ts"
import { createLedgerWriter } from "../../../ledger/writer/ledger-writer.ts"
import { createTokenDirectory } from "../../../ledger/writer/token-directory.ts"
import { createLogger } from "../../../platform/logger.ts"
import { settleByHand } from "../../support/settle-by-hand.ts"
import { adjustCommand, createTestLedger, type TestLedger } from "../../support/test-ledger.ts"

let ledger: TestLedger
beforeAll(async () => {
  ledger = await createTestLedger()
})
afterAll(() => ledger?.close())

const skippedInBlock = 100

it("gives a debit up that the chain has skipped too often, but not while a reorganisation could undo that", async () => {
  const { db, ledgerId, tokenId } = ledger
  const tokens = createTokenDirectory(db, ledgerId)
  const writer = createLedgerWriter({ ...ledger, tokens, logger: createLogger("test", "silent") })
  await writer.execute(
    adjustCommand(tokenId, "first", [
      ["ann", 100n],
      ["bob", 7n],
    ]),
  )
  const settlement = await settleByHand(db, ledgerId, tokenId)
  await settlement.takeIn()
  await sql`
    UPDATE settlement.batch_items SET deferrals = 3, deferred_block = ${skippedInBlock} WHERE position = (SELECT min(position) FROM settlement.batch_items)`.execute(
    db,
  )
  const reachBlock = (block: number) =>
    sql`
      INSERT INTO ledger.chain_cursors VALUES (31337, ${block}, ${`0x${"00".repeat(32)}`}, now(), now())
      ON CONFLICT (chain_id) DO UPDATE SET block_number = excluded.block_number`.execute(db)
  const { rows } = await sql<{ depth: number }>`
    SELECT greatest(confirmation_blocks, 1) AS depth FROM registry.chains WHERE chain_id = 31337`.execute(db)
  const deep = skippedInBlock + deferralDepthFactor * (rows[0]?.depth ?? 1)
  const lane = { ledgerId, tokenId }
  const lease = await holdLane(db, lane, randomUUID(), 60_000)
  if (lease === null) throw new Error("somebody else has the lane")
  const letters = () =>
    db.selectFrom("settlement.dead_letters").select(["dead_letter_id", "reason", "outcome"]).execute()
  const waiting = async () => (await loadWaiting(db, lane, 100)).changes.map(({ amount }) => amount)

  await reachBlock(deep - 1)
  await giveUpDeferred(db, lane, lease, 3, new Date())
  expect(await letters()).toEqual([])
  await reachBlock(deep)
  await giveUpDeferred(db, lane, lease, 4, new Date())
  expect(await letters()).toEqual([])
  expect(await waiting()).toEqual([100n, 7n])
  await giveUpDeferred(db, lane, lease, 3, new Date())
  await giveUpDeferred(db, lane, lease, 3, new Date())
  const [letter] = await letters()
  expect(letter).toMatchObject({
    reason: expect.stringContaining("skipped the debit 3 times"),
    outcome: null,
  })
  expect(await letters()).toHaveLength(1)
  expect(await waiting()).toEqual([7n])

  const closing = {
    ledgerId,
    deadLetterId: letter?.dead_letter_id ?? 0n,
    requestedBy: "test",
    at: new Date(),
  }
  expect(await closeDeadLetter(db, { ...closing, outcome: "retried" })).toEqual({ closed: true })
  await giveUpDeferred(db, lane, lease, 3, new Date())
  expect(await waiting()).toEqual([100n, 7n])
  await writer.stop()
})
