import { sql } from "kysely"
import { changeTypes } from "../../domain/events.ts"
import { describeView } from "./describe-view.ts"
import { changesOf, eventsOf, sealsOf } from "./events-of.ts"
import type { EventPage, Projection, Sql } from "./projection.ts"

/**
 * `analytics.operation_status`: how much of each operation is settled. An operation's events stand together, so that its first position names it and a change belongs to
 * the last operation that begins at or before it, unless that one has ended by then.
 */
export const operationStatus: Projection = {
  name: "operation_status",
  version: 2,
  handles: {
    AccountOpened: "ignored",
    AdjustmentRecorded: [1],
    AdjustmentReversed: [1],
    HoldPlaced: [1],
    HoldCaptured: [1],
    HoldReleased: [1],
    HoldExpired: "ignored",
    SettlementSealed: [1],
    SettlementNetted: [1],
    SettlementConfirmed: [1],
    SettlementDeferred: "ignored",
    SettlementCancelled: "ignored",
    SettlementDissolved: "ignored",
    SettlementDiscarded: [1],
    DepositObserved: "ignored",
    WithdrawalObserved: "ignored",
    ConfirmationRevoked: [1],
    DetailsRedacted: [1],
    CheckpointAnchored: "ignored",
  },
  tables: ["operation_status", "operation_batches"],
  init: (table) => [
    sql`
      CREATE TABLE ${table("operation_status")} (
        ledger_id uuid NOT NULL,
        first_position bigint NOT NULL,
        last_position bigint NOT NULL CHECK (last_position >= first_position),
        changes integer NOT NULL,
        settled integer NOT NULL DEFAULT 0 CHECK (settled BETWEEN 0 AND changes),
        reversed integer NOT NULL DEFAULT 0 CHECK (reversed BETWEEN 0 AND changes),
        PRIMARY KEY (ledger_id, first_position)
      ) WITH (fillfactor = 80)`,
    sql`
      CREATE TABLE ${table("operation_batches")} (
        ledger_id uuid NOT NULL,
        batch_sequence bigint NOT NULL,
        sealed_position bigint NOT NULL,
        PRIMARY KEY (ledger_id, batch_sequence)
      )`,
  ],
  index: () => [],
  evolve: (page, table) => [
    // A page may end inside of an operation: its row is there already.
    sql`
      INSERT INTO ${table("operation_status")} AS t (ledger_id, first_position, last_position, changes)
      SELECT ${page.ledgerId}::uuid, coalesce(c.first_position, o.first_position), o.last_position, o.changes
      FROM (${operationsOf(page)}) AS o
      LEFT JOIN (
        SELECT s.first_position, e.operation_id, e.sequence
        FROM (
          SELECT first_position, last_position FROM ${table("operation_status")}
          WHERE ledger_id = ${page.ledgerId} AND first_position <= ${page.after} ORDER BY first_position DESC LIMIT 1
        ) AS s
        JOIN ledger.event_log e ON e.ledger_id = ${page.ledgerId} AND e.position = s.last_position
      ) AS c USING (operation_id, sequence)
      ON CONFLICT (ledger_id, first_position) DO UPDATE SET last_position = excluded.last_position, changes = t.changes + excluded.changes`,
    sql`
      INSERT INTO ${table("operation_batches")} (ledger_id, batch_sequence, sealed_position)
      SELECT ${page.ledgerId}::uuid, s.batch_sequence, s.sealed_position FROM (${sealsOf(page)}) AS s`,
    sql`
      UPDATE ${table("operation_status")} AS t SET settled = t.settled + d.settled, reversed = t.reversed + d.reversed
      FROM (
        SELECT o.first_position, sum(m.settled) AS settled, sum(m.reversed) AS reversed
        FROM (${outcomesOf(page, sql`SELECT batch_sequence, sealed_position FROM ${table("operation_batches")} WHERE ledger_id = ${page.ledgerId}`)}) AS m
        CROSS JOIN LATERAL (
          SELECT first_position, last_position FROM ${table("operation_status")}
          WHERE ledger_id = ${page.ledgerId} AND first_position <= m.position ORDER BY first_position DESC LIMIT 1
        ) AS o
        WHERE o.last_position >= m.position
        GROUP BY o.first_position
      ) AS d
      WHERE t.ledger_id = ${page.ledgerId} AND t.first_position = d.first_position`,
  ],
  views: (table) => [
    // What is in the dead letters is no event: it is asked of them as they are now.
    sql`
      CREATE OR REPLACE VIEW analytics.operation_status AS
      SELECT o.ledger_id, o.operation_id, o.sequence, o.route, o.recorded_at, s.first_position, s.last_position,
        CASE WHEN f.failed > 0 THEN 'attention' WHEN s.changes > 0 AND s.settled = s.changes THEN 'confirmed'
          WHEN s.settled > 0 THEN 'partly_confirmed' ELSE 'recorded' END AS status,
        s.changes, s.settled, s.reversed, coalesce(f.failed, 0) AS failed
      FROM ledger.operations o
      JOIN ${table("operation_status")} s ON s.ledger_id = o.ledger_id AND s.first_position = o.first_position
      LEFT JOIN (
        SELECT d.ledger_id, e.operation_id, e.sequence, count(*) AS failed
        FROM settlement.dead_letters d
        JOIN settlement.batch_items i ON i.ledger_id = d.ledger_id AND i.account_id = d.account_id
          AND i.state = 'waiting' AND i.position <= d.through_position
        JOIN ledger.event_log e ON e.ledger_id = i.ledger_id AND e.position = i.position
        WHERE d.closed_at IS NULL
        GROUP BY d.ledger_id, e.operation_id, e.sequence
      ) AS f ON f.ledger_id = o.ledger_id AND f.operation_id = o.operation_id AND f.sequence = o.sequence`,
    ...describeView("operation_status", "What became of each operation.", {
      ledger_id: "The app's ledger",
      operation_id: "The caller's identifier",
      sequence: "Second part of the operation's key",
      route: "The route that recorded it",
      recorded_at: "When it was recorded",
      first_position: "Of its first event in the log",
      last_position: "Of its last event in the log",
      status: "recorded, partly_confirmed, confirmed or attention",
      changes: "Changes of balances that it consists of",
      settled: "Of these, how many are settled on the chain or by netting, or discarded",
      reversed: "Of these, how many were taken back",
      failed: "Of these, how many are in the dead letters",
    }),
  ],
  comparisons: (page, table) => [
    {
      table: "operation_status",
      keys: ["first_position"],
      position: "first_position",
      logged: sql`
        SELECT o.first_position, o.last_position, o.changes::integer AS changes, coalesce(m.settled, 0)::integer AS settled,
          coalesce(m.reversed, 0)::integer AS reversed
        FROM (${operationsOf(page)}) AS o
        LEFT JOIN (
          SELECT e.operation_id, e.sequence, sum(m.settled) AS settled, sum(m.reversed) AS reversed
          FROM (${outcomesOf(page, sealsOf(page))}) AS m
          JOIN ledger.event_log e ON e.ledger_id = ${page.ledgerId} AND e.position = m.position
          GROUP BY e.operation_id, e.sequence
        ) AS m USING (operation_id, sequence)`,
      stored: sql`
        SELECT first_position, last_position, changes, settled, reversed
        FROM ${table("operation_status")} WHERE ledger_id = ${page.ledgerId}`,
    },
    {
      table: "operation_batches",
      keys: ["batch_sequence"],
      position: "sealed_position",
      logged: sql`SELECT s.batch_sequence, s.sealed_position FROM (${sealsOf(page)}) AS s`,
      stored: sql`SELECT batch_sequence, sealed_position FROM ${table("operation_batches")} WHERE ledger_id = ${page.ledgerId}`,
    },
  ],
}

function operationsOf(page: EventPage): Sql {
  return sql`
    SELECT e.operation_id, e.sequence, min(e.position) AS first_position, max(e.position) AS last_position,
      count(*) FILTER (WHERE e.type IN (${sql.join(changeTypes.map((type) => sql.lit(type)))})) AS changes
    FROM ${eventsOf(page)} AND e.operation_id IS NOT NULL
    GROUP BY e.operation_id, e.sequence`
}

/**
 * Changes that the events of a page settle, unsettle or take back, with what to add to the counts of their operations: `position, settled, reversed`.
 * @param seals the batches that these events may name: `batch_sequence, sealed_position`
 */
function outcomesOf(page: EventPage, seals: Sql): Sql {
  const confirmations = sql`
    SELECT (e.data->>'batch_sequence')::bigint AS batch_sequence, e.data->'accounts' AS accounts,
      CASE e.type WHEN 'SettlementConfirmed' THEN 1 ELSE -1 END AS settled
    FROM ${eventsOf(page)} AND (e.type = 'SettlementConfirmed'
      OR (e.type = 'ConfirmationRevoked' AND e.data->>'revoked_type' = 'SettlementConfirmed'))
    OFFSET 0`
  return sql`
    SELECT p.position::bigint AS position, 1 AS settled, 0 AS reversed
    FROM (SELECT e.data FROM ${eventsOf(page)} AND e.type = 'SettlementNetted') AS e
    CROSS JOIN LATERAL json_array_elements(e.data->'accounts') AS a(account)
    CROSS JOIN LATERAL json_array_elements_text(a.account->'positions') AS p(position)
    UNION ALL
    SELECT p.position::bigint, 1, 0
    FROM (SELECT e.data FROM ${eventsOf(page)} AND e.type = 'SettlementDiscarded') AS e
    CROSS JOIN LATERAL json_array_elements_text(e.data->'positions') AS p(position)
    UNION ALL
    SELECT s.position, s.settled, 0 FROM (${changesOf(page, seals, confirmations, sql`w.settled`)}) AS s
    UNION ALL
    SELECT (e.data->>'reversed_position')::bigint, 0, 1 FROM ${eventsOf(page)} AND e.type = 'AdjustmentReversed'`
}
