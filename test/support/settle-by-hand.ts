import { randomUUID } from "node:crypto"
import { type Kysely, sql } from "kysely"
import { foldChanges } from "../../batcher/domain/fold.ts"
import { takeIn } from "../../batcher/store/intake.ts"
import { ensureLanes, listLanes } from "../../batcher/store/lanes.ts"
import { holdLane } from "../../batcher/store/leases.ts"
import { sealBatch } from "../../batcher/store/seal-batch.ts"
import { loadWaiting } from "../../batcher/store/waiting-changes.ts"
import type { BatchCall } from "../../ledger/domain/batch-calls.ts"
import { append } from "../../ledger/store/append.ts"
import type { Database } from "../../ledger/store/database.ts"
import { withHead } from "../../ledger/store/ledger-transaction.ts"

/** Settlement without a chain: each step is the real one, taken when the test says so. */
export type HandSettlement = {
  /** The batcher's intake: changes become waiting items. */
  takeIn(): Promise<void>
  /** Seals everything that waits. @returns the batch's sequence, or null where all of it cancelled out */
  seal(batchCall?: BatchCall, sealedAt?: Date): Promise<bigint | null>
  /** Puts the batch into a state, as the batcher does after each step. */
  mark(batchSequence: bigint, columns: Record<string, unknown>): Promise<void>
  /** Confirms what the batch planned, as if its block were deep enough. */
  confirm(batchSequence: bigint): Promise<void>
}

export const handTransaction = `0x${"fe".repeat(32)}`
const blockHash = `0x${"bb".repeat(32)}`
/** What the receipt says that a mined batch's gas is read from: of the transaction that will be confirmed. */
const minedIn = { tx_hash: handTransaction, block_hash: blockHash, block_number: 12n }
const owner = randomUUID()

export async function settleByHand(
  db: Kysely<Database>,
  ledgerId: string,
  tokenId: number,
): Promise<HandSettlement> {
  await ensureLanes(db, [31_337n])
  return {
    async takeIn() {
      while (await takeIn(db, ledgerId, 10_000));
    },
    async seal(batchCall = "settle", sealedAt = new Date()) {
      const lane = (await listLanes(db, [31_337n], ledgerId)).find((one) => one.tokenId === tokenId)
      const lease = await holdLane(db, { ledgerId, tokenId }, owner, 60_000)
      if (lane === undefined || lease === null) throw new Error("there is no lane to settle")
      const page = await loadWaiting(db, lane, 100_000)
      const fold = foldChanges(
        page.changes,
        () => false,
        (accountId) => page.accounts.get(accountId)?.confirmed ?? 0n,
      )
      const result = await sealBatch(db, {
        lane,
        lease,
        trigger: "flush",
        batchCall,
        congestion: null,
        strategy: "adaptive",
        sizeWanted: 25,
        nets: fold.nets,
        zeros: fold.zeros,
        addressOf: (accountId) => page.accounts.get(accountId)?.address ?? "",
        sealedAt,
      })
      if (result.outcome !== "sealed") throw new Error("the seal was stale")
      return result.batchSequence
    },
    async mark(batchSequence, columns) {
      await db
        .updateTable("settlement.batches")
        .set(columns["state"] === "mined" ? { ...minedIn, ...columns } : columns)
        .where("ledger_id", "=", ledgerId)
        .where("batch_sequence", "=", batchSequence)
        .execute()
    },
    async confirm(batchSequence) {
      const { rows } = await sql<{ batch_id: string; accounts: { account_id: number; net: string }[] }>`
        SELECT b.batch_id, e.data->'accounts' AS accounts FROM settlement.batches b
        JOIN ledger.events e ON e.ledger_id = b.ledger_id AND e.position = b.sealed_position
        WHERE b.ledger_id = ${ledgerId} AND b.batch_sequence = ${batchSequence}`.execute(db)
      const [batch] = rows
      if (batch === undefined) throw new Error(`there is no batch ${batchSequence}`)
      await withHead(db, ledgerId, async (ledger) => {
        const recordedAt = new Date()
        await append(
          ledger,
          [
            {
              type: "SettlementConfirmed",
              data: {
                chain_id: 31_337,
                block_number: 12,
                block_hash: blockHash,
                log_index: 3,
                transaction_hash: handTransaction,
                batch_sequence: Number(batchSequence),
                batch_id: batch.batch_id,
                accounts: batch.accounts.map(({ account_id, net }) => ({
                  account_id,
                  settled: net,
                  amount: net,
                })),
              },
              operation: null,
              account: null,
              occurredAt: recordedAt,
              causation: `log:31337:${blockHash}:3`,
              details: null,
            },
          ],
          recordedAt,
        )
      })
    },
  }
}
