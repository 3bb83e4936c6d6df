import { type Kysely, sql } from "kysely"
import type { Database } from "../../ledger/store/database.ts"
import { openStates } from "../domain/batch-state.ts"
import type { SignerKey } from "./leases.ts"
import type { BatchKey } from "./open-batches.ts"

/** A nonce that no open batch looks after: its batch is done, or has another one. */
export type StrayNonce = {
  readonly nonce: bigint
  /** What it was reserved for. */
  readonly batch: BatchKey
  /** Whether bytes are stored for it. */
  readonly isSigned: boolean
  readonly sentAt: Date | null
}

/** Whether the batch `b` will still use its nonce `n`, or sends that nonce's transaction again by itself. */
export const isWantedByBatch = sql<boolean>`
  (n.spent_in_vain_at IS NULL AND b.state IN (${sql.join(openStates.map((state) => sql.lit(state)))}))`

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
    batch_sequence: bigint
    is_signed: boolean
    sent_at: Date | null
  }>`
    SELECT n.nonce, n.ledger_id, n.batch_sequence, x.is_signed, x.sent_at
    FROM settlement.nonces n
    JOIN settlement.batches b ON b.ledger_id = n.ledger_id AND b.batch_sequence = n.batch_sequence
    CROSS JOIN LATERAL (
      SELECT count(*) > 0 AS is_signed, max(t.broadcast_at) AS sent_at FROM settlement.transactions t
      WHERE t.chain_id = n.chain_id AND t.signer = n.signer AND t.nonce = n.nonce) AS x
    WHERE n.chain_id = ${chainId} AND n.signer = ${address} AND n.nonce >= ${firstUnmined} AND NOT ${isWantedByBatch}
    ORDER BY n.nonce LIMIT ${limit}`.execute(db)
  return rows.map((row) => ({
    nonce: row.nonce,
    batch: { ledgerId: row.ledger_id, batchSequence: row.batch_sequence },
    isSigned: row.is_signed,
    sentAt: row.sent_at,
  }))
}
