import { sql } from "kysely"
import { eventsOf } from "./events-of.ts"
import type { EventPage, Sql } from "./projection.ts"

/**
 * What a page says last of changes and deposits before it or in it: `position, state, batch_sequence, reversed_position`. A null state says nothing about settlement, a null
 * reversed_position nothing about a reversal.
 * @param seals the batches that events of the page may name: `batch_sequence, sealed_position`
 */
export function fatesOf(page: EventPage, seals: Sql): Sql {
  return sql`
    WITH said AS MATERIALIZED (
      SELECT e.position AS at, e.type, e.data FROM ${eventsOf(page)}
        AND e.type IN ('SettlementSealed', 'SettlementNetted', 'SettlementDeferred', 'ConfirmationRevoked', 'AdjustmentReversed')
    ), returned AS (
      SELECT s.at, (s.data->>'batch_sequence')::bigint AS batch_sequence, x.account_id, false AS is_reopened
      FROM said s CROSS JOIN LATERAL json_to_recordset(s.data->'accounts') AS x(account_id bigint)
      WHERE s.type = 'SettlementDeferred'
      UNION ALL
      SELECT s.at, (s.data->>'batch_sequence')::bigint, x.account_id::bigint, true
      FROM said s CROSS JOIN LATERAL json_array_elements_text(s.data->'reopened_account_ids') AS x(account_id)
      WHERE s.type = 'ConfirmationRevoked'
    ), named AS (
      SELECT p.position::bigint AS position, s.at,
        CASE s.type WHEN 'SettlementSealed' THEN 'sealed' ELSE 'netted' END AS state,
        (s.data->>'batch_sequence')::bigint AS batch_sequence
      FROM said s
      CROSS JOIN LATERAL json_array_elements(s.data->'accounts') AS a(account)
      CROSS JOIN LATERAL json_array_elements_text(a.account->'positions') AS p(position)
      WHERE s.type IN ('SettlementSealed', 'SettlementNetted')
      UNION ALL
      SELECT p.position::bigint, r.at, CASE WHEN r.is_reopened THEN 'sealed' ELSE 'waiting' END,
        CASE WHEN r.is_reopened THEN r.batch_sequence END
      FROM returned r
      JOIN (${seals}) AS l ON l.batch_sequence = r.batch_sequence
      JOIN ledger.event_log b ON b.ledger_id = ${page.ledgerId} AND b.position = l.sealed_position
      CROSS JOIN LATERAL json_array_elements(b.data->'accounts') AS a(account)
      CROSS JOIN LATERAL json_array_elements_text(a.account->'positions') AS p(position)
      WHERE (a.account->>'account_id')::bigint = r.account_id
    ), settlement AS (
      SELECT DISTINCT ON (position) position, state, batch_sequence FROM named ORDER BY position, at DESC
    ), reversal AS (
      SELECT (data->>'reversed_position')::bigint AS position, at AS reversed_position FROM said WHERE type = 'AdjustmentReversed'
      UNION ALL
      SELECT (data->>'revoked_position')::bigint, at FROM said
      WHERE type = 'ConfirmationRevoked' AND data->>'revoked_type' IN ('DepositObserved', 'WithdrawalObserved')
    )
    SELECT position, s.state, s.batch_sequence, r.reversed_position FROM settlement s FULL JOIN reversal r USING (position)`
}

/**
 * What a page says last of the confirmation of batches: `batch_sequence, confirmed_position, transaction_hash, block_number, confirmed_at, unsettled_accounts`, the last
 * being accounts that the batch has and the confirmation does not settle. Nulls where it was taken back.
 */
export function settledOf(page: EventPage, seals: Sql): Sql {
  return sql`
    SELECT c.batch_sequence,
      CASE WHEN c.stands THEN c.position END AS confirmed_position,
      CASE WHEN c.stands THEN c.data->>'transaction_hash' END AS transaction_hash,
      CASE WHEN c.stands THEN (c.data->>'block_number')::bigint END AS block_number,
      CASE WHEN c.stands THEN c.recorded_at END AS confirmed_at,
      CASE WHEN c.stands THEN ARRAY(
        SELECT (x.account->>'account_id')::bigint
        FROM ledger.event_log b CROSS JOIN LATERAL json_array_elements(b.data->'accounts') AS x(account)
        WHERE b.ledger_id = ${page.ledgerId} AND b.position = l.sealed_position
        EXCEPT
        SELECT (y.account->>'account_id')::bigint FROM json_array_elements(c.data->'accounts') AS y(account)
        WHERE y.account->>'settled' <> '0'
        ORDER BY 1) END AS unsettled_accounts
    FROM (
      SELECT DISTINCT ON (batch_sequence) (e.data->>'batch_sequence')::bigint AS batch_sequence, e.position, e.data, e.recorded_at,
        e.type = 'SettlementConfirmed' AS stands
      FROM ${eventsOf(page)} AND (e.type = 'SettlementConfirmed'
        OR (e.type = 'ConfirmationRevoked' AND e.data->>'revoked_type' = 'SettlementConfirmed'))
      ORDER BY batch_sequence, e.position DESC
    ) AS c
    JOIN (${seals}) AS l ON l.batch_sequence = c.batch_sequence`
}

/** The batches of a log, whole, with their confirmations. */
export function batchesOf(page: EventPage, seals: Sql): Sql {
  return sql`
    SELECT l.batch_sequence, l.batch_id, l.sealed_position, s.confirmed_position, s.transaction_hash, s.block_number, s.confirmed_at, s.unsettled_accounts
    FROM (${seals}) AS l LEFT JOIN (${settledOf(page, seals)}) AS s USING (batch_sequence)`
}
