import { type Kysely, type RawBuilder, sql, type Transaction } from "kysely"
import type { Hex } from "viem"
import type { Database } from "../../ledger/store/database.ts"
import { invariant } from "../../platform/errors.ts"
import { type CallState, canMove } from "../domain/call-state.ts"
import { describeCall, isRowOf, tableOf } from "./call-key.ts"
import { isClaimedBy } from "./claims.ts"
import { recordFailure } from "./failures.ts"
import { notifyLaneChanged } from "./lane-changed.ts"
import { type Lease, requireSigner, type SignerKey } from "./leases.ts"
import type { OpenBatch, OpenCall } from "./open-call.ts"
import { type SpentProof, writeProof } from "./spent-nonces.ts"

/** Whoever holds a signer: the only one who moves the calls that have its nonces, or that it has claimed, from `sealed` to `mined`. */
export type Desk = { readonly db: Kysely<Database>; readonly signer: SignerKey; readonly lease: Lease }

export type MinedReceipt = {
  readonly hash: string
  readonly blockNumber: bigint
  readonly blockHash: string
  readonly gasUsed: bigint
  readonly effectiveGasPrice: bigint
}

/**
 * One transition of a call, in one transaction that names the state it expects.
 * @returns false when the call was in another state by then: nothing was changed
 * @throws ChainBridgeError LEASE_LOST
 */
async function move(
  desk: Desk,
  call: OpenCall,
  to: CallState,
  set: RawBuilder<unknown>,
  also?: (trx: Transaction<Database>) => Promise<void>,
): Promise<boolean> {
  invariant(canMove(call.state, to), `${describeCall(call)} does not go from ${call.state} to ${to}`)
  return desk.db.transaction().execute(async (trx) => {
    await requireSigner(trx, desk.signer, desk.lease)
    const { numAffectedRows } = await sql`
      UPDATE ${tableOf(call)} SET state = ${to}, ${set}
      WHERE ${isRowOf(call)} AND state = ${call.state} AND ${isOurs(desk, call)}`.execute(trx)
    if (numAffectedRows !== 1n) return false
    await also?.(trx)
    return true
  })
}

/** What has no nonce is the desk's for as long as nobody else has claimed it. */
function isOurs({ signer }: Desk, call: OpenCall): RawBuilder<boolean> {
  return call.nonce === null ? isClaimedBy(signer, call) : sql`true`
}

export function markSimulated(
  desk: Desk,
  call: OpenCall,
  gas: { readonly estimated: bigint; readonly limit: bigint },
): Promise<boolean> {
  return move(
    desk,
    call,
    "simulated",
    sql`gas_estimated = ${gas.estimated}, gas_limit = ${gas.limit}, last_error = NULL, retry_at = NULL`,
  )
}

/** The call's bytes may be with a node now. @param hash of the bytes that were sent */
export function markBroadcast(desk: Desk, call: OpenCall, hash: Hex, at: Date): Promise<boolean> {
  return move(
    desk,
    call,
    "broadcast",
    sql`broadcast_at = coalesce(broadcast_at, ${at}), retry_at = NULL, last_error = NULL`,
    (trx) => noteSent(trx, desk, hash, at, null),
  )
}

/** Bytes that were sent before were sent again, or could not be: the call stays what it is. */
export async function markSentAgain(
  desk: Desk,
  call: OpenCall,
  hash: Hex,
  at: Date,
  problem: { readonly message: string; readonly retryAt: Date } | null,
): Promise<void> {
  await desk.db.transaction().execute(async (trx) => {
    await requireSigner(trx, desk.signer, desk.lease)
    await sql`
      UPDATE ${tableOf(call)} SET last_error = ${problem?.message ?? null}, retry_at = ${problem?.retryAt ?? null}
      WHERE ${isRowOf(call)} AND state = ${call.state}`.execute(trx)
    await noteSent(trx, desk, hash, at, problem?.message ?? null)
  })
}

/** A transaction was sent that no open call looks after, or could not be. */
export async function noteStraySent(desk: Desk, hash: Hex, at: Date, error: string | null): Promise<void> {
  await desk.db.transaction().execute(async (trx) => {
    await requireSigner(trx, desk.signer, desk.lease)
    await noteSent(trx, desk, hash, at, error)
  })
}

async function noteSent(
  trx: Transaction<Database>,
  desk: Desk,
  hash: Hex,
  at: Date,
  error: string | null,
): Promise<void> {
  await sql`
    UPDATE settlement.transactions
    SET broadcast_at = ${at}, waiting_since = coalesce(waiting_since, ${at}), last_error = ${error}
    WHERE chain_id = ${desk.signer.chainId} AND hash = ${hash}`.execute(trx)
}

/** A receipt was seen. It confirms nothing: only indexed logs do. */
export function markMined(desk: Desk, call: OpenCall, receipt: MinedReceipt, at: Date): Promise<boolean> {
  return move(
    desk,
    call,
    "mined",
    sql`tx_hash = ${receipt.hash}, block_number = ${receipt.blockNumber}, block_hash = ${receipt.blockHash},
      gas_used = ${receipt.gasUsed}, effective_gas_price = ${receipt.effectiveGasPrice},
      broadcast_at = coalesce(broadcast_at, ${at}), mined_at = ${at}, retry_at = NULL, last_error = NULL`,
    async (trx) => {
      if (call.kind === "batch") await notifyLaneChanged(trx, call.ledgerId)
    },
  )
}

/** The receipt is gone: a reorganisation took the block, the transaction has to be mined again. */
export function markUnmined(desk: Desk, call: OpenCall): Promise<boolean> {
  return move(
    desk,
    call,
    "broadcast",
    sql`tx_hash = NULL, block_number = NULL, block_hash = NULL, gas_used = NULL, effective_gas_price = NULL, mined_at = NULL`,
    async (trx) => {
      await sql`
        UPDATE settlement.transactions SET broadcast_at = NULL, waiting_since = NULL
        WHERE chain_id = ${desk.signer.chainId} AND hash = ANY(${call.hashes})`.execute(trx)
    },
  )
}

/** The nonce was used up past the confirmation depth and the call did nothing by it: it gets another one, with the same content. */
export function spendNonceInVain(
  desk: Desk,
  call: OpenCall & { readonly nonce: { readonly signer: string; readonly value: bigint } },
  options: {
    readonly at: Date
    readonly retryAt: Date
    readonly message: string
    /** Of a call that was signed and that nothing but its nonce keeps from being made twice. */
    readonly proof?: SpentProof
    readonly also?: (trx: Transaction<Database>) => Promise<void>
  },
): Promise<boolean> {
  return move(
    desk,
    call,
    "sealed",
    sql`failures = failures + 1, last_error = ${options.message}, retry_at = ${options.retryAt}, gas_limit = NULL, gas_estimated = NULL`,
    async (trx) => {
      await sql`
        UPDATE settlement.nonces SET spent_in_vain_at = ${options.at}
        WHERE chain_id = ${desk.signer.chainId} AND signer = ${call.nonce.signer} AND nonce = ${call.nonce.value}
          AND spent_in_vain_at IS NULL`.execute(trx)
      const { chainId } = desk.signer
      if (options.proof !== undefined)
        await writeProof(trx, { chainId, address: call.nonce.signer }, call.nonce.value, options.proof)
      if (isOfLane(call)) await recordFailure(trx, call, options.message, options.at)
      await options.also?.(trx)
    },
  )
}

/** A step did not work out; the call stays where it is until `retryAt`. */
export async function noteFailure(
  desk: Desk,
  call: OpenCall,
  options: {
    readonly message: string
    readonly at: Date
    readonly retryAt: Date
    /** False for what says nothing about the call. */
    readonly isCounted: boolean
    readonly also?: (trx: Transaction<Database>) => Promise<void>
  },
): Promise<void> {
  await desk.db.transaction().execute(async (trx) => {
    await requireSigner(trx, desk.signer, desk.lease)
    const { numAffectedRows } = await sql`
      UPDATE ${tableOf(call)}
      SET failures = failures + ${options.isCounted ? 1 : 0}, last_error = ${options.message}, retry_at = ${options.retryAt}
      WHERE ${isRowOf(call)} AND state NOT IN ('mined', 'confirmed', 'cancelled', 'dead_letter', 'skipped') AND ${isOurs(desk, call)}`.execute(
      trx,
    )
    // Another signer has claimed it: what we found out is not counted twice.
    if (numAffectedRows !== 1n && call.nonce === null) return
    if (options.isCounted && isOfLane(call)) await recordFailure(trx, call, options.message, options.at)
    await options.also?.(trx)
  })
}

/** Whether the call's failure says something about its lane. That a token does not let an id be taken out of use says nothing about what it settles. */
function isOfLane(call: OpenCall): call is OpenBatch {
  return call.kind === "batch" && !call.isCancelling
}
