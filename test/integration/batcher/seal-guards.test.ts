import pg from "pg"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { createLedgerWriter } from "../../../ledger/writer/ledger-writer.ts"
import { createTokenDirectory } from "../../../ledger/writer/token-directory.ts"
import { createLogger } from "../../../platform/logger.ts"
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
  const settlement = await settleByHand(ledger.db, ledger.ledgerId, ledger.tokenId)
  await writer.execute(adjustCommand(ledger.tokenId, "first", [["ann", 100n]]))
  await settlement.takeIn()
  await settlement.seal()
  await writer.execute(adjustCommand(ledger.tokenId, "second", [["bob", 50n]]))
  await settlement.takeIn()
  await writer.stop()
})
afterAll(async () => {
  await owner?.end()
  await ledger?.close()
})

describe("the database lets nobody, not even its owner,", () => {
  it("seal a change in a batch that does not exist", async () => {
    await expect(
      owner.query(
        "UPDATE settlement.batch_items SET state = 'sealed', batch_sequence = 9 WHERE state = 'waiting'",
      ),
    ).rejects.toThrow("there is no batch 9")
    await expect(
      owner.query(
        `INSERT INTO settlement.batch_items (ledger_id, position, account_id, token_id, amount, priority, is_immediate, deadline, recorded_at, state, batch_sequence)
         SELECT ledger_id, 99, account_id, token_id, amount, priority, is_immediate, deadline, recorded_at, 'sealed', 9
         FROM settlement.batch_items WHERE state = 'waiting'`,
      ),
    ).rejects.toThrow("there is no batch 9")
  })

  const addAccount = (values: string) =>
    owner.query(
      `INSERT INTO settlement.batch_accounts (ledger_id, batch_sequence, account_id, delta, state)
       SELECT ledger_id, ${values}, 1, 'settled' FROM settlement.batches`,
    )

  it("settle for an account in a batch that does not exist", async () => {
    await expect(addAccount("9, 2")).rejects.toThrow("there is no batch 9")
    await expect(owner.query("UPDATE settlement.batch_accounts SET batch_sequence = 9")).rejects.toThrow(
      "there is no batch 9",
    )
  })

  it("settle for an account that does not exist", async () => {
    await expect(addAccount("1, 9")).rejects.toThrow("there is no account 9")
    await expect(owner.query("UPDATE settlement.batch_accounts SET account_id = 9")).rejects.toThrow(
      "stays the account that it is",
    )
  })

  it.each([
    "DELETE FROM settlement.batches",
    "TRUNCATE settlement.batches CASCADE",
    "UPDATE settlement.batches SET batch_sequence = 9",
  ])("take away a batch that changes and accounts name: %s", async (statement) => {
    await expect(owner.query(statement)).rejects.toThrow("neither deleted nor numbered anew")
  })
})
