import { type RawBuilder, sql } from "kysely"

export type BatchKey = {
  readonly kind: "batch"
  readonly ledgerId: string
  readonly batchSequence: bigint
}
export type AnchorKey = { readonly kind: "anchor"; readonly ledgerId: string; readonly treeSize: bigint }

/** What a nonce is for: the settlement of a batch, or the anchor of a checkpoint. */
export type CallKey = BatchKey | AnchorKey

/** The table that has the call's row. */
export function tableOf({ kind }: Pick<CallKey, "kind">): RawBuilder<unknown> {
  return kind === "batch" ? sql`settlement.batches` : sql`settlement.anchors`
}

/** Whether a row, of the call's table or of one that names it, is the call's. */
export function isRowOf(key: CallKey): RawBuilder<boolean> {
  return key.kind === "batch"
    ? sql`(ledger_id = ${key.ledgerId} AND batch_sequence = ${key.batchSequence})`
    : sql`(ledger_id = ${key.ledgerId} AND tree_size = ${key.treeSize})`
}

/** The columns by which nonces and transactions name the call. */
export function columnsOf(key: CallKey): {
  ledger_id: string
  batch_sequence: bigint | null
  tree_size: bigint | null
} {
  return {
    ledger_id: key.ledgerId,
    batch_sequence: key.kind === "batch" ? key.batchSequence : null,
    tree_size: key.kind === "anchor" ? key.treeSize : null,
  }
}

/** The key that a nonce or a transaction names. */
export function keyOfColumns(row: {
  readonly ledger_id: string
  readonly batch_sequence: bigint | null
  readonly tree_size: bigint | null
}): CallKey {
  const { ledger_id: ledgerId } = row
  if (row.batch_sequence !== null) return { kind: "batch", ledgerId, batchSequence: row.batch_sequence }
  if (row.tree_size !== null) return { kind: "anchor", ledgerId, treeSize: row.tree_size }
  throw new TypeError("a nonce is for a batch or for an anchor")
}

/** For people. */
export function describeCall(key: CallKey): string {
  return key.kind === "batch" ? `batch ${key.batchSequence}` : `the anchor of ${key.treeSize} events`
}
