import { type Kysely, sql } from "kysely"
import type { Database } from "../../ledger/store/database.ts"
import type { SignerKey } from "./leases.ts"
import { ofNonces } from "./stray-nonces.ts"

/**
 * Clears what was raised about batches that are confirmed, cancelled or taken apart by now, and about the nonces that batches or anchors were confirmed with: nobody has to look at them any more. Another
 * nonce of theirs may still stand in the way of all behind it.
 */
export async function clearSettledAlarms(db: Kysely<Database>): Promise<void> {
  await sql`
    UPDATE registry.alarms a SET cleared_at = now() FROM settlement.batches b
    WHERE a.cleared_at IS NULL AND a.kind IN ('batch_failing', 'batch_used_elsewhere')
      AND b.batch_id = split_part(a.subject, ':', 2) AND b.state IN ('confirmed', 'cancelled', 'dead_letter')`.execute(
    db,
  )
  await sql`
    UPDATE registry.alarms alarm SET cleared_at = now() FROM ${ofNonces}
    WHERE alarm.cleared_at IS NULL AND alarm.kind IN ('stuck_nonce', 'nonce_at_fee_cap') AND n.chain_id = split_part(alarm.subject, ':', 2)::bigint
      AND n.signer = split_part(alarm.subject, ':', 3) AND n.nonce = split_part(alarm.subject, ':', 4)::bigint
      AND coalesce(b.state, a.state) = 'confirmed' AND EXISTS (
        SELECT FROM settlement.transactions t
        WHERE t.chain_id = n.chain_id AND t.signer = n.signer AND t.nonce = n.nonce AND t.hash = coalesce(b.tx_hash, a.tx_hash))`.execute(
    db,
  )
}

/**
 * Clears what was raised about nonces of a signer that are used up, by whatever: those that no open call looks after have nobody else who would.
 * @param readUsed how many are, for good; null: not known. Only asked where something was raised
 */
export async function clearUsedNonces(
  db: Kysely<Database>,
  { chainId, address }: SignerKey,
  readUsed: () => Promise<bigint | null>,
): Promise<void> {
  const prefix = `nonce:${chainId}:${address}:`
  const isOpen = sql`cleared_at IS NULL AND kind IN ('stuck_nonce', 'nonce_at_fee_cap') AND starts_with(subject, ${prefix})`
  const { rows } = await sql<{ alarm_id: string; nonce: string }>`
    SELECT alarm_id, substr(subject, ${prefix.length + 1}::integer) AS nonce FROM registry.alarms WHERE ${isOpen}`.execute(
    db,
  )
  if (rows.length === 0) return
  const used = await readUsed()
  const over = rows.filter(({ nonce }) => used !== null && BigInt(nonce) < used)
  if (over.length > 0)
    await sql`
      UPDATE registry.alarms SET cleared_at = now()
      WHERE cleared_at IS NULL AND alarm_id = ANY(${over.map(({ alarm_id: id }) => id)}::uuid[])`.execute(db)
}
