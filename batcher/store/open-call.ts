import { sql } from "kysely"
import type { Hex } from "viem"
import { type BatchCall, batchCalls } from "../../ledger/domain/batch-calls.ts"
import type { CallState } from "../domain/call-state.ts"
import type { AnchorKey, BatchKey } from "./call-key.ts"

/** What the desk knows of any call that is on its way to the chain. */
type Underway = {
  /** The contract that is called. */
  readonly to: Hex
  readonly state: CallState
  readonly gasLimit: bigint | null
  readonly failures: number
  readonly retryAt: Date | null
  readonly blockNumber: bigint | null
  readonly blockHash: string | null
  /** The nonce that may still be mined for it. */
  readonly nonce: { readonly signer: string; readonly value: bigint; readonly reservedAt: Date } | null
  /** Hashes of everything that was ever saved for that nonce, newest first: any of them may be mined. */
  readonly hashes: readonly Hex[]
  /** When the newest of them was last sent. */
  readonly sentAt: Date | null
  /** When the newest of them was first offered to a node, since it was signed or since a reorganisation took the nonce's transaction from its block. */
  readonly waitingSince: Date | null
  /** The same of the first of them. */
  readonly sentFirstAt: Date | null
}

/** A batch that the desk of its chain has something to do for. */
export type OpenBatch = BatchKey &
  Underway & {
    readonly tokenId: number
    /** Of the token, whatever contract is called. */
    readonly tokenAddress: Hex
    readonly symbol: string
    readonly decimals: number
    /** As stored: see parseBatchStrategy. */
    readonly strategy: unknown
    readonly batchId: Hex
    readonly batchCall: BatchCall
    readonly recipients: number
    readonly isLanePaused: boolean
    /** Nothing is signed or sent for it any more but what takes its id out of use: see requestCancellation. */
    readonly isCancelling: boolean
  }

/** The same for the anchor of a checkpoint. */
export type OpenAnchor = AnchorKey & Underway

export type OpenCall = OpenBatch | OpenAnchor

/** Whether nothing but its nonce keeps the call from being made twice. */
export function isUnguarded(call: OpenCall): call is OpenBatch {
  return call.kind === "batch" && !batchCalls[call.batchCall].isGuarded
}

/** The columns of {@link Underway}, as a row of a call's table `c` gives them with its nonce `n` and its transactions `x`. */
export type UnderwayRow = {
  readonly to: string
  readonly state: CallState
  readonly gas_limit: bigint | null
  readonly failures: number
  readonly retry_at: Date | null
  readonly block_number: bigint | null
  readonly block_hash: string | null
  readonly signer: string | null
  readonly nonce: bigint | null
  readonly reserved_at: Date | null
  readonly hashes: string[] | null
  readonly sent_at: Date | null
  readonly waiting_since: Date | null
  readonly sent_first_at: Date | null
}

/** Whether nobody works with the signer of a nonce `n` now. */
export const isOrphan = sql<boolean>`
  NOT EXISTS (
    SELECT FROM settlement.signers o
    WHERE o.chain_id = n.chain_id AND o.address = n.signer AND o.lease_owner IS NOT NULL AND o.lease_expires_at > clock_timestamp())`

/** Of the transactions `x` of a nonce. */
export const columnsOfTransactions = sql`
  array_agg(x.hash ORDER BY x.attempt DESC) AS hashes,
  (array_agg(x.broadcast_at ORDER BY x.attempt DESC))[1] AS sent_at,
  (array_agg(x.waiting_since ORDER BY x.attempt DESC))[1] AS waiting_since,
  min(x.waiting_since) AS sent_first_at`

export function underwayOf(row: UnderwayRow): Underway {
  return {
    to: row.to as Hex,
    state: row.state,
    gasLimit: row.gas_limit,
    failures: row.failures,
    retryAt: row.retry_at,
    blockNumber: row.block_number,
    blockHash: row.block_hash,
    nonce:
      row.signer === null || row.nonce === null || row.reserved_at === null
        ? null
        : { signer: row.signer, value: row.nonce, reservedAt: row.reserved_at },
    hashes: (row.hashes ?? []) as Hex[],
    sentAt: row.sent_at,
    waitingSince: row.waiting_since,
    sentFirstAt: row.sent_first_at,
  }
}
