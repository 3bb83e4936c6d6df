import { sql } from "kysely"
import { invariant } from "../../platform/errors.ts"
import type { EventDataOf, RecordedEvent } from "../domain/events.ts"
import type { LedgerTransaction } from "../store/ledger-transaction.ts"

/**
 * `ledger.checkpoints.anchored_position` and `settlement.anchors` follow the CheckpointAnchored events in the transaction that appends them. A checkpoint is anchored once, with its
 * own root, or everything is rolled back.
 */
export async function projectAnchors(
  ledger: LedgerTransaction,
  events: readonly RecordedEvent[],
): Promise<void> {
  for (const event of events) {
    if (event.type === "CheckpointAnchored")
      await anchor(ledger, event.position, event.data, event.recordedAt)
    else if (event.type === "ConfirmationRevoked" && event.data.revoked_type === "CheckpointAnchored")
      await revoke(ledger, event.data)
  }
}

async function anchor(
  { ledgerId, trx }: LedgerTransaction,
  position: bigint,
  data: EventDataOf<"CheckpointAnchored">,
  at: Date,
): Promise<void> {
  const { numAffectedRows } = await sql`
    UPDATE ledger.checkpoints SET anchored_position = ${position}
    WHERE ledger_id = ${ledgerId} AND tree_size = ${data.tree_size} AND anchored_position IS NULL
      AND root = decode(${data.root.slice(2)}, 'hex')`.execute(trx)
  invariant(
    numAffectedRows === 1n,
    `the checkpoint of ${data.tree_size} events is anchored already, or has another root than ${data.root}`,
  )
  // What gas it took is known of the very transaction in the very block that its receipt was read of, and of no other.
  const isSame = sql`anchors.tx_hash = excluded.tx_hash AND anchors.block_hash = excluded.block_hash`
  // Whoever sent it: there is no row of our own where somebody else did.
  await sql`
    INSERT INTO settlement.anchors (ledger_id, tree_size, chain_id, contract, state, tx_hash, block_number, block_hash, sealed_at, confirmed_at)
    VALUES (${ledgerId}, ${data.tree_size}, ${data.chain_id}, ${data.anchor}, 'confirmed', ${data.transaction_hash},
      ${data.block_number}, ${data.block_hash}, ${at}, ${at})
    ON CONFLICT (ledger_id, tree_size) DO UPDATE SET state = 'confirmed', chain_id = excluded.chain_id, contract = excluded.contract,
      tx_hash = excluded.tx_hash, block_number = excluded.block_number, block_hash = excluded.block_hash,
      gas_used = CASE WHEN ${isSame} THEN anchors.gas_used END, effective_gas_price = CASE WHEN ${isSame} THEN anchors.effective_gas_price END,
      confirmed_at = excluded.confirmed_at, last_error = NULL, retry_at = NULL`.execute(trx)
}

/** Where the anchor goes on depends on what it still has: a transaction to send again, a nonce to sign for, or neither, when somebody else's transaction anchored it. */
async function revoke(
  { ledgerId, trx }: LedgerTransaction,
  data: EventDataOf<"ConfirmationRevoked">,
): Promise<void> {
  const { rows } = await sql<{ tree_size: bigint }>`
    UPDATE ledger.checkpoints SET anchored_position = NULL
    WHERE ledger_id = ${ledgerId} AND anchored_position = ${data.revoked_position}
    RETURNING tree_size`.execute(trx)
  const [row] = rows
  invariant(
    row !== undefined && rows.length === 1,
    `no checkpoint is anchored by position ${data.revoked_position}`,
  )
  await sql`
    UPDATE settlement.anchors SET confirmed_at = NULL, mined_at = NULL,
      tx_hash = NULL, block_number = NULL, block_hash = NULL, gas_used = NULL, effective_gas_price = NULL,
      state = coalesce((
        SELECT CASE WHEN EXISTS (
            SELECT FROM settlement.transactions t WHERE t.chain_id = n.chain_id AND t.signer = n.signer AND t.nonce = n.nonce)
          THEN 'broadcast' ELSE 'simulated' END
        FROM settlement.nonces n
        WHERE n.ledger_id = ${ledgerId} AND n.tree_size = ${row.tree_size} AND n.spent_in_vain_at IS NULL), 'skipped')
    WHERE ledger_id = ${ledgerId} AND tree_size = ${row.tree_size} AND state = 'confirmed'`.execute(trx)
  await sql`
    UPDATE settlement.transactions SET broadcast_at = NULL, waiting_since = NULL
    WHERE ledger_id = ${ledgerId} AND tree_size = ${row.tree_size}`.execute(trx)
}
