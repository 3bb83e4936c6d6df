import { type Kysely, sql, type Transaction } from "kysely"
import { type Hex, keccak256 } from "viem"
import { type BatchCall, batchCalls } from "../domain/batch-calls.ts"
import { encodeCancel } from "../domain/encode-cancel.ts"
import { laneChangedChannel } from "./channels.ts"
import type { BatchState, Database } from "./database.ts"

export type CancelRequest = {
  readonly requestedAt: Date
  readonly requestedBy: string
  readonly reason: string
  /** False where it was asked for before: then that stands. */
  readonly isNew: boolean
  /** What the batch is by now. Over where it was asked for before: the chain has decided. */
  readonly state: BatchState
}

export type CancelRefusal =
  | { readonly refused: "UNKNOWN_BATCH" }
  /** It is on the chain, or was taken apart: there is nothing to cancel, or not any more. */
  | { readonly refused: "BATCH_NOT_CANCELLABLE"; readonly state: BatchState }
  /** Its token does not know batches, and cannot take an id out of use. */
  | { readonly refused: "CANCELLATION_UNSUPPORTED"; readonly settlementMode: string }

const cancellable: readonly BatchState[] = ["sealed", "simulated", "signed", "broadcast"]

/**
 * From this commit on nothing is signed for the batch but what takes its id out of use, and from the batcher's next look at it on nothing else is sent. What was sent before may still settle
 * it: the chain decides, and its logs say which. Nobody can take the request back.
 */
export async function requestCancellation(
  trx: Transaction<Database>,
  request: {
    readonly ledgerId: string
    readonly batchId: string
    readonly reason: string
    readonly requestedBy: string
    readonly at: Date
  },
): Promise<CancelRequest | CancelRefusal> {
  const { ledgerId, batchId, at } = request
  const { rows } = await sql<{
    state: BatchState
    settlement_mode: string
    batch_call: BatchCall
    requested_at: Date | null
    requested_by: string | null
    reason: string | null
  }>`
    SELECT b.state, b.batch_call, t.settlement_mode, b.cancel_requested_at AS requested_at, b.cancel_requested_by AS requested_by, b.cancel_reason AS reason
    FROM settlement.batches b JOIN registry.tokens t ON t.token_id = b.token_id
    WHERE b.ledger_id = ${ledgerId} AND b.batch_id = ${batchId} FOR NO KEY UPDATE OF b`.execute(trx)
  const [batch] = rows
  if (batch === undefined) return { refused: "UNKNOWN_BATCH" }
  if (batch.requested_at !== null) {
    const { requested_at: requestedAt, requested_by: by, reason, state } = batch
    return { requestedAt, requestedBy: by ?? "", reason: reason ?? "", isNew: false, state }
  }
  if (!cancellable.includes(batch.state)) return { refused: "BATCH_NOT_CANCELLABLE", state: batch.state }
  if (!batchCalls[batch.batch_call].isGuarded)
    return { refused: "CANCELLATION_UNSUPPORTED", settlementMode: batch.settlement_mode }
  // What failed to be settled is no failure of the cancellation, and does not keep it waiting.
  await sql`
    UPDATE settlement.batches
    SET cancel_requested_at = ${at}, cancel_requested_by = ${request.requestedBy}, cancel_reason = ${request.reason},
      cancel_calldata_hash = ${keccak256(encodeCancel(batchId as Hex))}, failures = 0, retry_at = NULL
    WHERE ledger_id = ${ledgerId} AND batch_id = ${batchId}`.execute(trx)
  await sql`SELECT pg_notify(${laneChangedChannel}, ${ledgerId})`.execute(trx)
  const { requestedBy, reason } = request
  return { requestedAt: at, requestedBy, reason, isNew: true, state: batch.state }
}

/** For those who have the id alone. @returns undefined where no ledger has such a batch */
export async function ledgerOfBatch(db: Kysely<Database>, batchId: string): Promise<string | undefined> {
  const row = await db
    .selectFrom("settlement.batches")
    .select("ledger_id")
    .where("batch_id", "=", batchId)
    .executeTakeFirst()
  return row?.ledger_id
}
