import { sql } from "kysely"
import type { EventPage, Sql } from "./projection.ts"

/** `ledger.event_log e` and the condition that cuts a page out of it. */
export function eventsOf(page: EventPage): Sql {
  return sql`ledger.event_log e WHERE e.ledger_id = ${page.ledgerId} AND e.position > ${page.after} AND e.position <= ${page.upTo}`
}

/**
 * What the events of a page did to accounts, a row for each event and account whose balance or held amount it moves: `position, account_id, kind, operation_id,
 * sequence, amount, locked_change, balance_after, reason_type, business_type, transaction_hash, block_number, recorded_at`. What moves the confirmed
 * figure alone is not among them.
 */
export function movesOf(page: EventPage): Sql {
  return sql`
    SELECT e.position, e.account_id, e.type AS kind, e.operation_id, e.sequence, e.amount,
      CASE e.type
        WHEN 'AdjustmentRecorded' THEN 0
        WHEN 'HoldPlaced' THEN (e.data->>'amount')::numeric
        WHEN 'HoldCaptured' THEN -((e.data->>'captured')::numeric + (e.data->>'released')::numeric)
        WHEN 'HoldReleased' THEN -(e.data->>'released')::numeric
        WHEN 'HoldExpired' THEN -(e.data->>'released')::numeric
        ELSE 0 END AS locked_change,
      e.balance_after, ${nameOf("reason_type", "transfer_in", "transfer_out")} AS reason_type,
      ${nameOf("business_type", "deposit", "withdrawal")} AS business_type,
      CASE WHEN e.operation_id IS NULL THEN e.data->>'transaction_hash' END AS transaction_hash,
      CASE WHEN e.operation_id IS NULL THEN (e.data->>'block_number')::bigint END AS block_number,
      e.recorded_at
    FROM ${eventsOf(page)} AND e.account_id IS NOT NULL AND e.type <> 'AccountOpened'
    UNION ALL
    SELECT e.position, m.account_id, e.type, NULL, NULL,
      CASE e.type WHEN 'SettlementConfirmed' THEN m.amount - m.settled ELSE m.settled - m.amount END, 0, h.pending,
      'settlement', 'adjustment', NULL, NULL, e.recorded_at
    FROM (SELECT e.* FROM ${eventsOf(page)} AND e.account_id IS NULL AND e.type IN ('SettlementConfirmed', 'ConfirmationRevoked')) AS e
    CROSS JOIN LATERAL json_to_recordset(e.data->'accounts') AS m(account_id bigint, settled numeric, amount numeric)
    LEFT JOIN ledger.balance_history h
      ON h.ledger_id = e.ledger_id AND h.account_id = m.account_id AND h.position = e.position
    WHERE m.settled <> m.amount`
}

/** A change says what it is. What ends a hold without one is what the hold was placed for; what the chain did is named by its direction. */
function nameOf(field: string, inward: string, outward: string): Sql {
  return sql`
    CASE
      WHEN e.type = 'AdjustmentRecorded' THEN e.data->>${sql.lit(field)}
      WHEN e.type = 'SettlementDiscarded' THEN 'adjustment'
      WHEN e.type IN ('HoldReleased', 'HoldExpired') THEN (
        SELECT p.data->>${sql.lit(field)} FROM ledger.event_log p
        WHERE p.ledger_id = e.ledger_id AND p.position = (e.data->>'hold_position')::bigint)
      WHEN e.type = 'DepositObserved' OR (e.type = 'ConfirmationRevoked' AND e.amount < 0) THEN ${sql.lit(inward)}
      WHEN e.type IN ('WithdrawalObserved', 'ConfirmationRevoked') THEN ${sql.lit(outward)}
      ELSE e.data->>${sql.lit(field)} END`
}

/** The batches that a page seals: `batch_sequence, batch_id, sealed_position`, and how many `accounts` they have. */
export function sealsOf(page: EventPage): Sql {
  return sql`
    SELECT (e.data->>'batch_sequence')::bigint AS batch_sequence, e.data->>'batch_id' AS batch_id, e.position AS sealed_position,
      json_array_length(e.data->'accounts') AS accounts
    FROM ${eventsOf(page)} AND e.type = 'SettlementSealed'`
}

/**
 * The changes that batches sealed of certain accounts: the columns of `wanted` without its accounts, and `position`.
 * @param seals `batch_sequence, sealed_position` of at least the wanted batches
 * @param wanted `batch_sequence`, `accounts` as JSON objects with an `account_id`, whose `settled`, where they have one, is not 0; and what else is to come along
 */
export function changesOf(page: EventPage, seals: Sql, wanted: Sql, alongside: Sql): Sql {
  // OFFSET 0: both lists of a batch are joined for themselves. All lists together look like more rows than there could be, and would be joined on disk.
  return sql`
    SELECT w.batch_sequence, ${alongside}, c.position
    FROM (${wanted}) AS w
    JOIN (${seals}) AS l ON l.batch_sequence = w.batch_sequence
    JOIN ledger.event_log b ON b.ledger_id = ${page.ledgerId} AND b.position = l.sealed_position
    CROSS JOIN LATERAL (
      SELECT p.position::bigint AS position
      FROM json_to_recordset(b.data->'accounts') AS a(account_id bigint, positions json)
      JOIN json_to_recordset(w.accounts) AS x(account_id bigint, settled text) USING (account_id)
      CROSS JOIN LATERAL json_array_elements_text(a.positions) AS p(position)
      WHERE x.settled IS DISTINCT FROM '0' OFFSET 0
    ) AS c`
}
