import { sql, type Transaction } from "kysely"
import { findDifference, type Problem } from "../audit/find-difference.ts"
import type { Database } from "../store/database.ts"

export type RebuiltBalances = {
  readonly events: bigint
  readonly accounts: bigint
  /** Of the fold alone. */
  readonly foldMs: number
  /** The first account whose live row is not what the log gives. */
  readonly problem: Problem | null
}

/**
 * Builds the balances of a ledger anew from its log, beside the live table, and compares the two row for row. The fold is one set-based statement, another way to the same figures than the
 * append's and the replay's. The events' times never go back, so the last one of an account is its greatest.
 * @param trx repeatable read, so that both tables are of the same moment; the new one is gone with it
 */
export async function rebuildBalances(
  trx: Transaction<Database>,
  ledgerId: string,
): Promise<RebuiltBalances> {
  // A batch's confirmation is one event with a move for each of its accounts: what looks like a few rows of an index is worth all processors.
  await sql`SET LOCAL work_mem = '64MB'; SET LOCAL min_parallel_index_scan_size = 0`.execute(trx)
  await sql`DROP TABLE IF EXISTS pg_temp.rebuilt_balances`.execute(trx)
  const began = performance.now()
  // Nearly every event is an adjustment, which one comparison tells from all the others.
  await sql`
    CREATE TEMP TABLE rebuilt_balances ON COMMIT DROP AS
    SELECT account_id, sum(pending) AS pending, sum(confirmed) AS confirmed, sum(locked) AS locked,
      max(position) AS position, max(recorded_at) AS changed_at
    FROM (
      SELECT account_id, sum(amount) AS pending,
        coalesce(sum(amount) FILTER (WHERE type <> 'AdjustmentRecorded' AND type IN ('DepositObserved', 'WithdrawalObserved')), 0) AS confirmed,
        coalesce(sum(CASE type WHEN 'HoldPlaced' THEN (data->>'amount')::numeric
          ELSE -(coalesce((data->>'captured')::numeric, 0) + (data->>'released')::numeric) END)
          FILTER (WHERE type <> 'AdjustmentRecorded' AND type IN ('HoldPlaced', 'HoldCaptured', 'HoldReleased', 'HoldExpired')), 0) AS locked,
        max(position) AS position, max(recorded_at) AS recorded_at
      FROM ledger.event_log WHERE ledger_id = ${sql.lit(ledgerId)} AND account_id IS NOT NULL AND type <> 'ConfirmationRevoked'
      GROUP BY account_id
      UNION ALL
      SELECT move.account_id, sum(sign * (move.amount - move.settled)), sum(sign * move.amount), 0, max(position), max(recorded_at)
      FROM ledger.event_log
      CROSS JOIN LATERAL (SELECT CASE type WHEN 'SettlementConfirmed' THEN 1 ELSE -1 END AS sign) AS direction
      CROSS JOIN LATERAL json_to_recordset(data->'accounts') AS move(account_id bigint, amount numeric, settled numeric)
      WHERE ledger_id = ${sql.lit(ledgerId)} AND type IN ('SettlementConfirmed', 'ConfirmationRevoked')
      GROUP BY move.account_id
    ) AS moves
    GROUP BY account_id`.execute(trx)
  const foldMs = performance.now() - began
  const { rows } = await sql<{ accounts: bigint; events: bigint }>`
    SELECT (SELECT count(*) FROM rebuilt_balances) AS accounts,
      coalesce((SELECT position FROM ledger.head WHERE ledger_id = ${ledgerId}), 0) AS events`.execute(trx)
  const problem = await findDifference(trx, {
    table: "ledger.balances",
    keys: ["account_id"],
    position: "position",
    logged: sql`SELECT account_id, pending, confirmed, locked, position, changed_at FROM rebuilt_balances`,
    stored: sql`
      SELECT account_id, pending, confirmed, locked, position, changed_at
      FROM ledger.balances WHERE ledger_id = ${ledgerId}`,
  })
  return { events: rows[0]?.events ?? 0n, accounts: rows[0]?.accounts ?? 0n, foldMs, problem }
}
