import { sql, type Transaction } from "kysely"
import type { Database } from "../store/database.ts"
import { findDifference, type Problem } from "./find-difference.ts"

/** An anchor is confirmed in `settlement.anchors` where a CheckpointAnchored of the log stands, by the transaction and in the block and contract that this one names. */
export function verifyAnchors(trx: Transaction<Database>, ledgerId: string): Promise<Problem | null> {
  return findDifference(trx, {
    table: "settlement.anchors",
    keys: ["tree_size"],
    position: "position",
    logged: sql`
      SELECT (e.data->>'tree_size')::bigint AS tree_size, e.position, (e.data->>'chain_id')::bigint AS chain_id,
        e.data->>'anchor' AS contract, e.data->>'transaction_hash' AS tx_hash, (e.data->>'block_number')::bigint AS block_number,
        e.data->>'block_hash' AS block_hash
      FROM ledger.confirmations c JOIN ledger.event_log e ON e.ledger_id = c.ledger_id AND e.position = c.position
      WHERE c.ledger_id = ${ledgerId} AND c.revoked_position IS NULL AND c.account_id IS NULL AND c.batch_sequence IS NULL
        AND e.type = 'CheckpointAnchored'`,
    stored: sql`
      SELECT a.tree_size, c.anchored_position AS position, a.chain_id, a.contract, a.tx_hash, a.block_number, a.block_hash
      FROM settlement.anchors a LEFT JOIN ledger.checkpoints c ON c.ledger_id = a.ledger_id AND c.tree_size = a.tree_size
      WHERE a.ledger_id = ${ledgerId} AND a.state = 'confirmed'`,
  })
}
