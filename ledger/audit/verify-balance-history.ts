import { sql, type Transaction } from "kysely"
import type { Database } from "../store/database.ts"
import { findDifference, type Problem } from "./find-difference.ts"
import { equalSums, type KeyedSum } from "./scan/keyed-sum.ts"
import type { ScanPool } from "./scan/scan-pool.ts"
import { sumTable } from "./sum-table.ts"

/**
 * Every row of `ledger.balance_history` says what its event made of the account's figures: the pending balance that the event states, or that it leads to from the newest one before it,
 * and the confirmed and the locked figure of the row before it moved by the event.
 * The set of rows is compared by a keyed sum; only where that differs is each row looked up in the log, and named.
 * @param points what the replay saw the log leave behind
 */
export async function verifyBalanceHistory(
  trx: Transaction<Database>,
  ledgerId: string,
  points: KeyedSum,
  pool: ScanPool,
): Promise<Problem | null> {
  const stored = await sumTable(trx, pool, "ledger.balance_history")
  if (equalSums(points, stored)) return null
  const problem = `ledger.balance_history has ${stored.count} rows, the log leaves ${points.count}`
  return (await compareRows(trx, ledgerId)) ?? { position: null, problem }
}

function compareRows(trx: Transaction<Database>, ledgerId: string): Promise<Problem | null> {
  const held = sql`coalesce((e.data->>'captured')::numeric, 0) + (e.data->>'released')::numeric`
  return findDifference(trx, {
    table: "ledger.balance_history",
    keys: ["account_id", "position"],
    position: "position",
    logged: sql`
      SELECT b.account_id, b.position,
        CASE WHEN m.balance_after IS NOT NULL THEN m.balance_after
          WHEN last.position > b.before_position THEN last.balance_after + m.pending
          ELSE coalesce(b.before_pending, last.balance_after, 0) + m.pending END AS pending,
        b.before_confirmed + m.confirmed AS confirmed, b.before_locked + m.locked AS locked
      FROM (
        SELECT account_id, position, lag(position) OVER before AS before_position, lag(pending) OVER before AS before_pending,
          coalesce(lag(confirmed) OVER before, 0) AS before_confirmed, coalesce(lag(locked) OVER before, 0) AS before_locked
        FROM ledger.balance_history WHERE ledger_id = ${ledgerId}
        WINDOW before AS (PARTITION BY account_id ORDER BY position)
      ) AS b
      JOIN (
        SELECT e.position, e.account_id, e.balance_after, 0::numeric AS pending,
          CASE WHEN e.type IN ('DepositObserved', 'WithdrawalObserved') THEN e.amount ELSE 0 END AS confirmed,
          CASE e.type WHEN 'HoldPlaced' THEN (e.data->>'amount')::numeric
            WHEN 'HoldCaptured' THEN -(${held}) WHEN 'HoldReleased' THEN -(${held}) WHEN 'HoldExpired' THEN -(${held}) ELSE 0 END AS locked
        FROM (SELECT DISTINCT position FROM ledger.balance_history WHERE ledger_id = ${ledgerId}) AS p
        JOIN ledger.event_log e ON e.ledger_id = ${ledgerId} AND e.position = p.position
        WHERE e.type IN ('DepositObserved', 'WithdrawalObserved', 'HoldPlaced', 'HoldCaptured', 'HoldReleased', 'HoldExpired')
        UNION ALL
        SELECT e.position, (x.account->>'account_id')::bigint, NULL,
          s.sign * ((x.account->>'amount')::numeric - (x.account->>'settled')::numeric), s.sign * (x.account->>'amount')::numeric, 0
        FROM (SELECT DISTINCT position FROM ledger.balance_history WHERE ledger_id = ${ledgerId}) AS p
        JOIN ledger.event_log e ON e.ledger_id = ${ledgerId} AND e.position = p.position
        CROSS JOIN LATERAL (SELECT CASE e.type WHEN 'SettlementConfirmed' THEN 1 ELSE -1 END AS sign) AS s
        CROSS JOIN LATERAL json_array_elements(e.data->'accounts') AS x(account)
        WHERE e.type IN ('SettlementConfirmed', 'ConfirmationRevoked')
      ) AS m ON m.position = b.position AND m.account_id = b.account_id
      LEFT JOIN LATERAL (
        SELECT position, balance_after FROM ledger.event_log
        WHERE m.balance_after IS NULL AND ledger_id = ${ledgerId} AND account_id = b.account_id AND position < b.position
        ORDER BY position DESC LIMIT 1
      ) AS last ON true`,
    stored: sql`
      SELECT account_id, position, pending, confirmed, locked FROM ledger.balance_history WHERE ledger_id = ${ledgerId}`,
  })
}
