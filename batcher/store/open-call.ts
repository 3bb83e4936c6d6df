import type { Hex } from "viem"
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
  readonly blockHash: string | null
  /** The nonce that may still be mined for it. */
  readonly nonce: { readonly signer: string; readonly value: bigint; readonly reservedAt: Date } | null
  /** Hashes of everything that was ever saved for that nonce, newest first. */
  readonly hashes: readonly Hex[]
  readonly sentAt: Date | null
}

/** A batch that the desk of its chain has something to do for. */
export type OpenBatch = BatchKey &
  Underway & {
    readonly tokenId: number
    readonly decimals: number
    /** As stored: see parseBatchStrategy. */
    readonly strategy: unknown
    readonly batchId: Hex
    readonly recipients: number
    readonly isLanePaused: boolean
  }

/** The same for the anchor of a checkpoint. */
export type OpenAnchor = AnchorKey & Underway

export type OpenCall = OpenBatch | OpenAnchor

/** The columns of {@link Underway}, as a row of a call's table `c` gives them with its nonce `n` and its transactions `x`. */
export type UnderwayRow = {
  readonly to: string
  readonly state: CallState
  readonly gas_limit: bigint | null
  readonly failures: number
  readonly retry_at: Date | null
  readonly block_hash: string | null
  readonly signer: string | null
  readonly nonce: bigint | null
  readonly reserved_at: Date | null
  readonly hashes: string[] | null
  readonly sent_at: Date | null
}

export function underwayOf(row: UnderwayRow): Underway {
  return {
    to: row.to as Hex,
    state: row.state,
    gasLimit: row.gas_limit,
    failures: row.failures,
    retryAt: row.retry_at,
    blockHash: row.block_hash,
    nonce:
      row.signer === null || row.nonce === null || row.reserved_at === null
        ? null
        : { signer: row.signer, value: row.nonce, reservedAt: row.reserved_at },
    hashes: (row.hashes ?? []) as Hex[],
    sentAt: row.sent_at,
  }
}
