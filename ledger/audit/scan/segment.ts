import type { Problem } from "../find-difference.ts"
import type { KeyedSum } from "./keyed-sum.ts"
import type { OperationRun } from "./operation-runs.ts"

/** How an event of a segment is handed on. */
export const segmentKind = {
  /** As bytes, in `whole`. */
  whole: 0,
  /** An AdjustmentRecorded: its account and limbs say all that the replay asks for. */
  adjustment: 1,
} as const

/** What `settlement.batch_items` says of an event; `other` is what no change of the log can have. */
export const itemStates = ["none", "waiting", "sealed", "settled", "netted", "discarded", "other"] as const
export const otherState = 6

export type SegmentItems = { readonly states: Uint8Array; readonly batches: Uint32Array }

/**
 * A part of the log whose events hold by themselves and one behind the other: positions without a gap, hash chain, details, schema. What is left to check is that it joins the part
 * before it, and everything that takes the state of the ledger.
 */
export type Segment = {
  readonly from: number
  /** Events from `from` on; fewer than were asked for where the log ends, has a gap, or a problem follows, and where the segment was cut. */
  count: number
  /** What is handed on whole was enough for one segment: it ends with a block of the Merkle tree, and the log goes on. */
  isCut: boolean
  firstPrevHash: string
  lastHash: string
  firstRecordedAtMs: number
  lastRecordedAtMs: number
  readonly kinds: Uint8Array
  readonly accounts: Uint32Array
  /** Per event: amount and balance after it, as decimal limbs. */
  readonly limbs: Uint32Array
  /** The rows of the others, for readWholeRows. */
  whole: Uint8Array
  /** Positions of events whose details were erased. */
  readonly redacted: number[]
  /** Absent where no event of it is in the table. */
  items: SegmentItems | undefined
  readonly operations: SegmentOperations
  blockRoots: Uint8Array
  /** About the event behind the last one. */
  problem: Problem | undefined
}

/** The operations of a segment, the first and the last of which may go on beyond it. */
export type SegmentOperations = {
  /** Of those that begin and end in the segment. */
  readonly sum: KeyedSum
  /** The key that the segment goes on with, and the last event of it. */
  leading: { readonly key: string; last: number } | undefined
  trailing: OperationRun | undefined
  /** The event where a run breaks a rule: what exactly is for the database to say. */
  irregularAt: number | undefined
}
