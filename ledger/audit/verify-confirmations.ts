import { type RawBuilder, sql, type Transaction } from "kysely"
import type { EventType } from "../domain/events.ts"
import type { Database } from "../store/database.ts"
import { findDifference, type Problem } from "./find-difference.ts"

const confirmationTypes = [
  "SettlementConfirmed",
  "SettlementDeferred",
  "SettlementCancelled",
  "DepositObserved",
  "WithdrawalObserved",
  "CheckpointAnchored",
] as const satisfies readonly EventType[]

/**
 * Every confirmation of the log has its row in `ledger.confirmations`, taken back or not as the log says. The replay has seen that each is taken back at most once. Each row is looked up
 * in the log; the log is searched for confirmations only where their number, or that of revocations, is not the log's.
 */
export async function verifyConfirmations(
  trx: Transaction<Database>,
  ledgerId: string,
  counts: ReadonlyMap<EventType, number>,
): Promise<Problem | null> {
  const { rows } = await sql<{ confirmed: bigint; revoked: bigint }>`
    SELECT count(DISTINCT position) AS confirmed, count(DISTINCT revoked_position) AS revoked FROM ledger.confirmations WHERE ledger_id = ${ledgerId}`.execute(
    trx,
  )
  const confirmed = confirmationTypes.reduce((sum, type) => sum + (counts.get(type) ?? 0), 0)
  const isWhole =
    rows[0]?.confirmed === BigInt(confirmed) &&
    rows[0].revoked === BigInt(counts.get("ConfirmationRevoked") ?? 0)
  return findDifference(trx, {
    table: "ledger.confirmations",
    keys: ["position"],
    position: "position",
    logged: isWhole ? lookUp(ledgerId) : search(ledgerId),
    stored: sql`
      SELECT position, chain_id, block_number, block_hash, log_index, account_id, batch_sequence, revoked_position
      FROM ledger.confirmations WHERE ledger_id = ${ledgerId}`,
  })
}

const columns = sql`
  e.position, (e.data->>'chain_id')::bigint AS chain_id, (e.data->>'block_number')::bigint AS block_number,
  e.data->>'block_hash' AS block_hash, (e.data->>'log_index')::integer AS log_index, e.account_id,
  CASE WHEN e.type IN ('SettlementConfirmed', 'SettlementCancelled') THEN (e.data->>'batch_sequence')::bigint END AS batch_sequence,
  r.position AS revoked_position`

function lookUp(ledgerId: string): RawBuilder<unknown> {
  return sql`
    SELECT ${columns} FROM ledger.confirmations c
    JOIN ledger.event_log e ON e.ledger_id = c.ledger_id AND e.position = c.position AND e.type = ANY(${[...confirmationTypes]})
    LEFT JOIN ledger.event_log r ON r.ledger_id = c.ledger_id AND r.position = c.revoked_position
      AND r.type = 'ConfirmationRevoked' AND (r.data->>'revoked_position')::bigint = c.position
    WHERE c.ledger_id = ${ledgerId}`
}

function search(ledgerId: string): RawBuilder<unknown> {
  return sql`
    SELECT ${columns} FROM ledger.event_log e
    LEFT JOIN (
      SELECT position, (data->>'revoked_position')::bigint AS revoked_position FROM ledger.event_log
      WHERE ledger_id = ${ledgerId} AND type = 'ConfirmationRevoked'
    ) AS r ON r.revoked_position = e.position
    WHERE e.ledger_id = ${ledgerId} AND e.type = ANY(${[...confirmationTypes]})`
}
