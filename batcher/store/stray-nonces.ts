import { type Kysely, sql } from "kysely"
import type { Database } from "../../ledger/store/database.ts"
import { openStates } from "../domain/call-state.ts"
import { type CallKey, keyOfColumns } from "./call-key.ts"
import type { SignerKey } from "./leases.ts"

/** A nonce that no open call looks after: its batch or anchor is done, or has another one. */
export type StrayNonce = {
  readonly nonce: bigint
  /** What it was reserved for. */
  readonly key: CallKey
  /** Whether bytes are stored for it. */
  readonly isSigned: boolean
  readonly sentAt: Date | null
}

/** Nonces `n`, each with the batch `b` or the anchor `a` that it was reserved for. */
export const ofNonces = sql`
  settlement.nonces n
  LEFT JOIN settlement.batches b ON b.ledger_id = n.ledger_id AND b.batch_sequence = n.batch_sequence
  LEFT JOIN settlement.anchors a ON a.ledger_id = n.ledger_id AND a.tree_size = n.tree_size`

/** Whether the call will still use its nonce, or sends that nonce's transaction again by itself. */
export const isWantedByCall = sql<boolean>`
  (n.spent_in_vain_at IS NULL AND coalesce(b.state, a.state) IN (${sql.join(openStates.map((state) => sql.lit(state)))}))`

/** The signer's stray nonces from `firstUnmined` on, lowest first. */
export async function loadStrayNonces(
  db: Kysely<Database>,
  { chainId, address }: SignerKey,
  firstUnmined: bigint,
  limit: number,
): Promise<StrayNonce[]> {
  const { rows } = await sql<{
    nonce: bigint
    ledger_id: string
    batch_sequence: bigint | null
    tree_size: bigint | null
    is_signed: boolean
    sent_at: Date | null
  }>`
    SELECT n.nonce, n.ledger_id, n.batch_sequence, n.tree_size, x.is_signed, x.sent_at
    FROM ${ofNonces}
    CROSS JOIN LATERAL (
      SELECT count(*) > 0 AS is_signed, max(t.broadcast_at) AS sent_at FROM settlement.transactions t
      WHERE t.chain_id = n.chain_id AND t.signer = n.signer AND t.nonce = n.nonce) AS x
    WHERE n.chain_id = ${chainId} AND n.signer = ${address} AND n.nonce >= ${firstUnmined} AND NOT ${isWantedByCall}
    ORDER BY n.nonce LIMIT ${limit}`.execute(db)
  return rows.map((row) => ({
    nonce: row.nonce,
    key: keyOfColumns(row),
    isSigned: row.is_signed,
    sentAt: row.sent_at,
  }))
}
