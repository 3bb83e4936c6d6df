import { afterAll, beforeAll, expect, it } from "vitest"
import { verifyLedger } from "../../../ledger/audit/verify-ledger.ts"
import type { LedgerCommand } from "../../../ledger/domain/commands.ts"
import { createLedgerWriter } from "../../../ledger/writer/ledger-writer.ts"
import { createTokenDirectory } from "../../../ledger/writer/token-directory.ts"
import { createLogger } from "../../../platform/logger.ts"
import { captureHoldCommand, placeHoldCommand, reverseCommand } from "../../support/hold-commands.ts"
import { settleByHand } from "../../support/settle-by-hand.ts"
import { adjustCommand, createTestLedger, type TestLedger } from "../../support/test-ledger.ts"

let ledger: TestLedger
beforeAll(async () => {
  ledger = await createTestLedger()
})
afterAll(() => ledger.close())

it("settles captures and reversals like adjustments, and not what is merely held", async () => {
  const { db, ledgerId, tokenId } = ledger
  const writer = createLedgerWriter({
    ...ledger,
    tokens: createTokenDirectory(db, ledgerId),
    logger: createLogger("test", "silent"),
  })
  const record = async (command: LedgerCommand): Promise<bigint> => {
    const result = await writer.execute(command)
    if (result.outcome !== "recorded") throw new Error(result.outcome)
    return result.operation.position
  }
  const settlement = await settleByHand(db, ledgerId, tokenId)
  await record(adjustCommand(tokenId, "fund", [["ann", 100n]]))
  await record(adjustCommand(tokenId, "bob", [["bob", 7n]]))
  await record(placeHoldCommand(tokenId, "open", "ann", 10n))
  const hold = await record(placeHoldCommand(tokenId, "hold", "ann", 50n))
  await record(captureHoldCommand("capture", hold, 30n))
  const debit = await record(adjustCommand(tokenId, "spend", [["bob", -2n]]))
  await record(reverseCommand("undo", debit))
  await settlement.takeIn()
  const items = await db
    .selectFrom("settlement.batch_items")
    .select(["account_id", "amount"])
    .orderBy("position")
    .execute()
  expect(items.map(({ account_id, amount }) => [account_id, amount])).toEqual([
    [1n, 100n],
    [2n, 7n],
    [1n, -30n],
    [2n, -2n],
    [2n, 2n],
  ])
  const sequence = await settlement.seal()
  expect(await verifyLedger(db, ledgerId)).toMatchObject({ ok: true })
  await settlement.confirm(sequence ?? 0n)
  const balances = await db
    .selectFrom("ledger.balances")
    .select(["pending", "confirmed", "locked"])
    .orderBy("account_id")
    .execute()
  expect(balances).toEqual([
    { pending: 70n, confirmed: 70n, locked: 10n },
    { pending: 7n, confirmed: 7n, locked: 0n },
  ])
})
