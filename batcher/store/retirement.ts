import { type Kysely, sql } from "kysely"
import type { Database } from "../../ledger/store/database.ts"
import type { Desk } from "./call-moves.ts"
import { requireSigner, type SignerKey } from "./leases.ts"
import { lockSigners } from "./stop-unworkable-lanes.ts"

const openCalls = sql`
  settlement.nonces n
  LEFT JOIN settlement.batches b ON b.ledger_id = n.ledger_id AND b.batch_sequence = n.batch_sequence
  LEFT JOIN settlement.anchors a ON a.ledger_id = n.ledger_id AND a.tree_size = n.tree_size`

/** Marks a retired signer as done, or takes that back. */
export async function markDone({ db, signer, lease }: Desk, at: Date | null): Promise<void> {
  await db.transaction().execute(async (trx) => {
    await requireSigner(trx, signer, lease)
    await sql`
      UPDATE settlement.signers SET done_at = ${at}
      WHERE chain_id = ${signer.chainId} AND address = ${signer.address} AND retired_at IS NOT NULL`.execute(
      trx,
    )
  })
}

export type Orphan = {
  readonly address: string
  /** Of batches and anchors that are not mined. */
  readonly openNonces: number
  readonly isAlarmed: boolean
  /** Somebody works with it again. */
  readonly isBack: boolean
}

/** Signers that nobody has worked with for a while, and that have something under way or had. */
export async function readOrphans(
  db: Kysely<Database>,
  chainId: bigint,
  orphanMs: number,
): Promise<Orphan[]> {
  const { rows } = await sql<{ address: string; open: bigint; is_alarmed: boolean; is_back: boolean }>`
    SELECT s.address, o.open, a.is_alarmed,
      s.lease_owner IS NOT NULL AND coalesce(s.lease_expires_at > clock_timestamp(), false) AS is_back
    FROM settlement.signers s
    CROSS JOIN LATERAL (
      SELECT count(*) AS open FROM ${openCalls}
      WHERE n.chain_id = s.chain_id AND n.signer = s.address AND n.spent_in_vain_at IS NULL
        AND coalesce(b.state, a.state) IN ('sealed', 'simulated', 'signed', 'broadcast')) AS o
    CROSS JOIN LATERAL (
      SELECT EXISTS (
        SELECT FROM registry.alarms a
        WHERE a.kind = 'signer_missing' AND a.cleared_at IS NULL AND a.subject = 'signer:' || s.chain_id || ':' || s.address) AS is_alarmed) AS a
    WHERE s.chain_id = ${chainId} AND (o.open > 0 OR a.is_alarmed)
      AND (a.is_alarmed OR coalesce(s.lease_expires_at, '-infinity') <= clock_timestamp() - ${orphanMs} * interval '1 ms')
    ORDER BY s.address`.execute(db)
  return rows.map((row) => ({
    address: row.address,
    openNonces: Number(row.open),
    isAlarmed: row.is_alarmed,
    isBack: row.is_back,
  }))
}

/**
 * Takes the nonces that a signer reserved and has signed nothing for from their calls, which get others. Nobody can sign for them meanwhile: a commit needs a lease, and one that is taken
 * anew has another epoch. Whoever has the key later fills them.
 * @returns how many
 */
export async function giveUpOrphans(
  { db, signer, lease }: Desk,
  orphan: SignerKey,
  options: { readonly orphanMs: number; readonly at: Date },
): Promise<number> {
  return db.transaction().execute(async (trx) => {
    await lockSigners(trx, signer)
    await requireSigner(trx, signer, lease)
    const { rows } = await sql<{ nonce: bigint }>`
      SELECT n.nonce FROM settlement.signers s
      JOIN ${openCalls} ON n.chain_id = s.chain_id AND n.signer = s.address
      WHERE s.chain_id = ${orphan.chainId} AND s.address = ${orphan.address}
        AND coalesce(s.lease_expires_at, '-infinity') <= clock_timestamp() - ${options.orphanMs} * interval '1 ms'
        AND n.spent_in_vain_at IS NULL AND coalesce(b.state, a.state) = 'simulated'
        AND NOT EXISTS (
          SELECT FROM settlement.transactions t
          WHERE t.chain_id = n.chain_id AND t.signer = n.signer AND t.nonce = n.nonce)`.execute(trx)
    for (const { nonce } of rows) {
      const isOfNonce = sql`n.chain_id = ${orphan.chainId} AND n.signer = ${orphan.address} AND n.nonce = ${nonce}`
      await sql`
        UPDATE settlement.batches b SET state = 'sealed', claimed_by = NULL, claimed_until = NULL FROM settlement.nonces n
        WHERE ${isOfNonce} AND b.ledger_id = n.ledger_id AND b.batch_sequence = n.batch_sequence AND b.state = 'simulated'`.execute(
        trx,
      )
      await sql`
        UPDATE settlement.anchors a SET state = 'sealed' FROM settlement.nonces n
        WHERE ${isOfNonce} AND a.ledger_id = n.ledger_id AND a.tree_size = n.tree_size AND a.state = 'simulated'`.execute(
        trx,
      )
      await sql`UPDATE settlement.nonces n SET spent_in_vain_at = ${options.at} WHERE ${isOfNonce}`.execute(
        trx,
      )
    }
    return rows.length
  })
}
