import { type Kysely, sql } from "kysely"
import type { Database } from "./database.ts"

/**
 * `active`: takes nonces · `retiring`: takes none any more, and has some that are not confirmed · `done`: retired, and its key is needed no more · `blocked`: somebody has to do something,
 * see the reason · `away`: no batcher works with it
 */
export type SignerState = "active" | "blocked" | "retiring" | "done" | "away"

export type SignerFigures = {
  readonly chainId: bigint
  /** Lower case. */
  readonly address: string
  readonly state: SignerState
  /** What its open alarms say; null where there is none. */
  readonly reason: string | null
  readonly retiredAt: Date | null
  readonly doneAt: Date | null
  /** Nonces of batches and anchors that are not mined, as far as is known. */
  readonly unmined: number
}

/** Every signer that ever worked for one of our chains, by chain and address. */
export async function readSigners(db: Kysely<Database>): Promise<SignerFigures[]> {
  const { rows } = await sql<{
    chain_id: bigint
    address: string
    retired_at: Date | null
    done_at: Date | null
    is_held: boolean
    reason: string | null
    unmined: bigint
  }>`
    SELECT s.chain_id, s.address, s.retired_at, s.done_at, a.reason, n.unmined,
      s.lease_owner IS NOT NULL AND coalesce(s.lease_expires_at > clock_timestamp(), false) AS is_held
    FROM settlement.signers s
    CROSS JOIN LATERAL (
      SELECT string_agg(m.message, '; ' ORDER BY m.raised_at) AS reason FROM registry.alarms m
      WHERE m.cleared_at IS NULL AND m.kind IN ('signer_balance', 'signer_role', 'signer_missing', 'signer_failing', 'foreign_transaction')
        AND (m.subject = 'signer:' || s.chain_id || ':' || s.address OR starts_with(m.subject, 'signer:' || s.chain_id || ':' || s.address || ':'))) AS a
    CROSS JOIN LATERAL (
      SELECT count(*) AS unmined FROM settlement.nonces n
      LEFT JOIN settlement.batches b ON b.ledger_id = n.ledger_id AND b.batch_sequence = n.batch_sequence
      LEFT JOIN settlement.anchors x ON x.ledger_id = n.ledger_id AND x.tree_size = n.tree_size
      WHERE n.chain_id = s.chain_id AND n.signer = s.address AND n.spent_in_vain_at IS NULL
        AND coalesce(b.state, x.state) IN ('sealed', 'simulated', 'signed', 'broadcast')) AS n
    ORDER BY s.chain_id, s.address`.execute(db)
  return rows.map((row) => ({
    chainId: row.chain_id,
    address: row.address,
    state: stateOf(row),
    reason: row.reason,
    retiredAt: row.retired_at,
    doneAt: row.done_at,
    unmined: Number(row.unmined),
  }))
}

function stateOf(row: {
  readonly retired_at: Date | null
  readonly done_at: Date | null
  readonly is_held: boolean
  readonly reason: string | null
}): SignerState {
  if (row.done_at !== null) return "done"
  if (row.retired_at !== null) return "retiring"
  if (row.reason !== null) return "blocked"
  return row.is_held ? "active" : "away"
}
