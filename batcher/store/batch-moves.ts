import { type Kysely, type RawBuilder, sql, type Transaction } from "kysely"
import type { Hex } from "viem"
import type { BatchState, Database } from "../../ledger/store/database.ts"
import { invariant } from "../../platform/errors.ts"
import { canMove } from "../domain/batch-state.ts"
import { notifyLaneChanged } from "./lane-changed.ts"
import { type Lease, requireSigner, type SignerKey } from "./leases.ts"
import type { BatchKey, OpenBatch } from "./open-batches.ts"

/** Whoever holds a signer: the only one who moves the batches of its chain from `sealed` to `mined`. */
export type Desk = { readonly db: Kysely<Database>; readonly signer: SignerKey; readonly lease: Lease }

export type MinedReceipt = {
  readonly hash: string
  readonly blockNumber: bigint
  readonly blockHash: string
  readonly gasUsed: bigint
  readonly effectiveGasPrice: bigint
}

/**
 * One transition of a batch, in one transaction that names the state it expects.
 * @returns false when the batch was in another state by then: nothing was changed
 * @throws ChainBridgeError LEASE_LOST
 */
async function move(
  desk: Desk,
  batch: BatchKey & { readonly state: BatchState },
  to: BatchState,
  set: RawBuilder<unknown>,
  also?: (trx: Transaction<Database>) => Promise<void>,
): Promise<boolean> {
  invariant(canMove(batch.state, to), `a batch does not go from ${batch.state} to ${to}`)
  return desk.db.transaction().execute(async (trx) => {
    await requireSigner(trx, desk.signer, desk.lease)
    const { numAffectedRows } = await sql`
      UPDATE settlement.batches SET state = ${to}, ${set}
      WHERE ledger_id = ${batch.ledgerId} AND batch_sequence = ${batch.batchSequence} AND state = ${batch.state}`.execute(
      trx,
    )
    if (numAffectedRows !== 1n) return false
    await also?.(trx)
    return true
  })
}

export function markSimulated(
  desk: Desk,
  batch: OpenBatch,
  gas: { readonly estimated: bigint; readonly limit: bigint },
): Promise<boolean> {
  return move(
    desk,
    batch,
    "simulated",
    sql`gas_estimated = ${gas.estimated}, gas_limit = ${gas.limit}, last_error = NULL, retry_at = NULL`,
  )
}

/** The batch's bytes may be with a node now. */
export function markBroadcast(desk: Desk, batch: OpenBatch, at: Date): Promise<boolean> {
  return move(
    desk,
    batch,
    "broadcast",
    sql`broadcast_at = coalesce(broadcast_at, ${at}), retry_at = NULL, last_error = NULL`,
    (trx) => noteSent(trx, desk, batch.hashes, at, null),
  )
}

/** Bytes that were sent before were sent again, or could not be: the batch stays what it is. */
export async function markSentAgain(
  desk: Desk,
  batch: OpenBatch,
  at: Date,
  problem: { readonly message: string; readonly retryAt: Date } | null,
): Promise<void> {
  await desk.db.transaction().execute(async (trx) => {
    await requireSigner(trx, desk.signer, desk.lease)
    await noteSent(trx, desk, batch.hashes, at, problem?.message ?? null)
    await sql`
      UPDATE settlement.batches SET last_error = ${problem?.message ?? null}, retry_at = ${problem?.retryAt ?? null}
      WHERE ledger_id = ${batch.ledgerId} AND batch_sequence = ${batch.batchSequence} AND state = ${batch.state}`.execute(
      trx,
    )
  })
}

/** A transaction was sent that no open batch looks after, or could not be. */
export async function noteStraySent(desk: Desk, hash: Hex, at: Date, error: string | null): Promise<void> {
  await desk.db.transaction().execute(async (trx) => {
    await requireSigner(trx, desk.signer, desk.lease)
    await noteSent(trx, desk, [hash], at, error)
  })
}

async function noteSent(
  trx: Transaction<Database>,
  desk: Desk,
  hashes: readonly Hex[],
  at: Date,
  error: string | null,
): Promise<void> {
  await sql`
    UPDATE settlement.transactions SET broadcast_at = ${at}, last_error = ${error}
    WHERE chain_id = ${desk.signer.chainId} AND hash = ANY(${hashes})`.execute(trx)
}

/** A receipt was seen. It confirms nothing: only indexed logs do. */
export function markMined(desk: Desk, batch: OpenBatch, receipt: MinedReceipt, at: Date): Promise<boolean> {
  return move(
    desk,
    batch,
    "mined",
    sql`tx_hash = ${receipt.hash}, block_number = ${receipt.blockNumber}, block_hash = ${receipt.blockHash},
      gas_used = ${receipt.gasUsed}, effective_gas_price = ${receipt.effectiveGasPrice},
      broadcast_at = coalesce(broadcast_at, ${at}), mined_at = ${at}, retry_at = NULL, last_error = NULL`,
    (trx) => notifyLaneChanged(trx, batch.ledgerId),
  )
}

/** The receipt is gone: a reorganisation took the block, the transaction has to be mined again. */
export function markUnmined(desk: Desk, batch: OpenBatch): Promise<boolean> {
  return move(
    desk,
    batch,
    "broadcast",
    sql`tx_hash = NULL, block_number = NULL, block_hash = NULL, gas_used = NULL, effective_gas_price = NULL, mined_at = NULL`,
    async (trx) => {
      await sql`
        UPDATE settlement.transactions SET broadcast_at = NULL
        WHERE chain_id = ${desk.signer.chainId} AND hash = ANY(${batch.hashes})`.execute(trx)
    },
  )
}

/** The nonce was used up past the confirmation depth and the batch did not settle by it: it gets another one, same id and same deltas. */
export function spendNonceInVain(
  desk: Desk,
  batch: OpenBatch & { readonly nonce: { readonly signer: string; readonly value: bigint } },
  options: {
    readonly at: Date
    readonly retryAt: Date
    readonly message: string
    readonly also?: (trx: Transaction<Database>) => Promise<void>
  },
): Promise<boolean> {
  return move(
    desk,
    batch,
    "sealed",
    sql`failures = failures + 1, last_error = ${options.message}, retry_at = ${options.retryAt}, gas_limit = NULL, gas_estimated = NULL`,
    async (trx) => {
      await sql`
        UPDATE settlement.nonces SET spent_in_vain_at = ${options.at}
        WHERE chain_id = ${desk.signer.chainId} AND signer = ${batch.nonce.signer} AND nonce = ${batch.nonce.value}
          AND spent_in_vain_at IS NULL`.execute(trx)
      await options.also?.(trx)
    },
  )
}

/** A step did not work out; the batch stays where it is until `retryAt`. */
export async function noteFailure(
  desk: Desk,
  batch: OpenBatch,
  options: {
    readonly message: string
    readonly retryAt: Date
    /** False for what says nothing about the batch. */
    readonly isCounted: boolean
    readonly also?: (trx: Transaction<Database>) => Promise<void>
  },
): Promise<void> {
  await desk.db.transaction().execute(async (trx) => {
    await requireSigner(trx, desk.signer, desk.lease)
    await sql`
      UPDATE settlement.batches SET failures = failures + ${options.isCounted ? 1 : 0}, last_error = ${options.message}, retry_at = ${options.retryAt}
      WHERE ledger_id = ${batch.ledgerId} AND batch_sequence = ${batch.batchSequence} AND state NOT IN ('mined', 'confirmed', 'cancelled', 'dead_letter')`.execute(
      trx,
    )
    await options.also?.(trx)
  })
}

/** Completes a batch that the indexer confirmed before we had read its receipt. */
export async function fillGas(db: Kysely<Database>, key: BatchKey, receipt: MinedReceipt): Promise<void> {
  await sql`
    UPDATE settlement.batches SET gas_used = ${receipt.gasUsed}, effective_gas_price = ${receipt.effectiveGasPrice}
    WHERE ledger_id = ${key.ledgerId} AND batch_sequence = ${key.batchSequence} AND state = 'confirmed'
      AND tx_hash = ${receipt.hash} AND gas_used IS NULL`.execute(db)
}
