import { sql, type Transaction } from "kysely"
import type { Database } from "../store/database.ts"
import { findDifference, type Problem } from "./find-difference.ts"

/** Every confirmation of the log has its row in `ledger.confirmations`, taken back or not as the log says. The replay has seen that each is taken back at most once. */
export function verifyConfirmations(trx: Transaction<Database>, ledgerId: string): Promise<Problem | null> {
  return findDifference(trx, {
    table: "ledger.confirmations",
    keys: ["position"],
    position: "position",
    logged: sql`
      SELECT e.position, (e.data->>'chain_id')::bigint AS chain_id, (e.data->>'block_number')::bigint AS block_number,
        e.data->>'block_hash' AS block_hash, (e.data->>'log_index')::integer AS log_index, e.account_id,
        CASE WHEN e.type = 'SettlementConfirmed' THEN (e.data->>'batch_sequence')::bigint END AS batch_sequence,
        r.position AS revoked_position
      FROM ledger.event_log e
      LEFT JOIN (
        SELECT position, (data->>'revoked_position')::bigint AS revoked_position FROM ledger.event_log
        WHERE ledger_id = ${ledgerId} AND type = 'ConfirmationRevoked'
      ) AS r ON r.revoked_position = e.position
      WHERE e.ledger_id = ${ledgerId}
        AND e.type IN ('SettlementConfirmed', 'SettlementDeferred', 'DepositObserved', 'WithdrawalObserved', 'CheckpointAnchored')`,
    stored: sql`
      SELECT position, chain_id, block_number, block_hash, log_index, account_id, batch_sequence, revoked_position
      FROM ledger.confirmations WHERE ledger_id = ${ledgerId}`,
  })
}
