import { sql } from "kysely"
import { changesOf, eventsOf } from "./events-of.ts"
import type { EventPage, Sql } from "./projection.ts"

// A settlement event can be long, and reading a field of it means reading all of it: what rows need of it is taken out once, before it is taken apart into rows.

/**
 * What the events of a page say of changes and deposits before them: `position, said_position, state, batch_sequence`. The last word on a position counts.
 * @param seals the batches that events of the page may name: `batch_sequence, sealed_position`
 */
export function fatesOf(page: EventPage, seals: Sql): Sql {
  const returned = sql`
    SELECT s.batch_sequence, s.data->'accounts' AS accounts, s.said_position, 'waiting' AS state
    FROM said s WHERE s.type IN ('SettlementDeferred', 'SettlementCancelled')
    UNION ALL
    SELECT s.batch_sequence, (
        SELECT json_agg(json_build_object('account_id', a.account_id))
        FROM (${seals}) AS l
        JOIN ledger.event_log b ON b.ledger_id = ${page.ledgerId} AND b.position = l.sealed_position
        CROSS JOIN LATERAL json_to_recordset(b.data->'accounts') AS a(account_id bigint)
        WHERE l.batch_sequence = s.batch_sequence), s.said_position, 'waiting'
    FROM said s WHERE s.type = 'SettlementDissolved'
    UNION ALL
    SELECT s.batch_sequence, (
        SELECT json_agg(json_build_object('account_id', r.account_id))
        FROM json_array_elements(s.data->'reopened_account_ids') AS r(account_id)), s.said_position, 'sealed'
    FROM said s WHERE s.type = 'ConfirmationRevoked' AND s.data->>'revoked_type' IN ('SettlementDeferred', 'SettlementCancelled')`
  return sql`
    WITH said AS MATERIALIZED (
      SELECT e.position AS said_position, e.type, e.data, (e.data->>'batch_sequence')::bigint AS batch_sequence FROM ${eventsOf(page)}
        AND e.type IN ('SettlementSealed', 'SettlementNetted', 'SettlementDeferred', 'SettlementCancelled', 'SettlementDissolved', 'SettlementDiscarded', 'ConfirmationRevoked', 'AdjustmentReversed')
    )
    SELECT p.position::bigint AS position, s.said_position,
      CASE s.type WHEN 'SettlementSealed' THEN 'sealed' ELSE 'netted' END AS state, s.batch_sequence
    FROM said s
    CROSS JOIN LATERAL json_array_elements(s.data->'accounts') AS a(account)
    CROSS JOIN LATERAL json_array_elements_text(a.account->'positions') AS p(position)
    WHERE s.type IN ('SettlementSealed', 'SettlementNetted')
    UNION ALL
    SELECT c.position, c.said_position, c.state, CASE c.state WHEN 'sealed' THEN c.batch_sequence END
    FROM (${changesOf(page, seals, returned, sql`w.said_position, w.state`)}) AS c
    UNION ALL
    SELECT (data->>'reversed_position')::bigint, said_position, 'reversed', NULL FROM said WHERE type = 'AdjustmentReversed'
    UNION ALL
    SELECT p.position::bigint, s.said_position, 'discarded', NULL
    FROM said s CROSS JOIN LATERAL json_array_elements_text(s.data->'positions') AS p(position) WHERE s.type = 'SettlementDiscarded'
    UNION ALL
    SELECT (data->>'revoked_position')::bigint, said_position, 'reversed', NULL FROM said
    WHERE type = 'ConfirmationRevoked' AND data->>'revoked_type' IN ('DepositObserved', 'WithdrawalObserved')`
}

/**
 * What a page says last of the confirmation of batches: `batch_sequence, confirmed_position, transaction_hash, block_number, confirmed_at, unsettled_accounts`, the last
 * being accounts that the batch has and the confirmation does not settle. Nulls where it was taken back.
 * @param seals also with `accounts`, how many the batch has
 */
export function settledOf(page: EventPage, seals: Sql): Sql {
  // As a rule a confirmation settles every account of its batch, which two counts show; only where it does not, both lists are compared.
  return sql`
    SELECT c.batch_sequence,
      CASE WHEN c.stands THEN c.position END AS confirmed_position,
      CASE WHEN c.stands THEN c.data->>'transaction_hash' END AS transaction_hash,
      CASE WHEN c.stands THEN (c.data->>'block_number')::bigint END AS block_number,
      CASE WHEN c.stands THEN c.recorded_at END AS confirmed_at,
      CASE
        WHEN NOT c.stands THEN NULL
        WHEN json_array_length(c.data->'accounts') = l.accounts AND c.data::text NOT LIKE '%"settled":"0"%' THEN ARRAY[]::bigint[]
        ELSE ARRAY(
          SELECT x.account_id FROM ledger.event_log b CROSS JOIN LATERAL json_to_recordset(b.data->'accounts') AS x(account_id bigint)
          WHERE b.ledger_id = ${page.ledgerId} AND b.position = l.sealed_position
          EXCEPT
          SELECT y.account_id FROM json_to_recordset(c.data->'accounts') AS y(account_id bigint, settled text) WHERE y.settled <> '0'
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
    SELECT l.batch_sequence, l.batch_id, l.sealed_position, l.accounts, s.confirmed_position, s.transaction_hash, s.block_number, s.confirmed_at,
      s.unsettled_accounts
    FROM (${seals}) AS l LEFT JOIN (${settledOf(page, seals)}) AS s USING (batch_sequence)`
}
