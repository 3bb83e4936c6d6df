import { sql } from "kysely"
import { balanceOf, type LedgerTransaction } from "../store/ledger-transaction.ts"

/** `ledger.balances`: writes what the append computed in memory for every account that its events touched. */
export async function projectBalances(
  ledger: LedgerTransaction,
  touched: ReadonlyMap<bigint, { position: bigint; isConfirmed: boolean }>,
  recordedAt: Date,
): Promise<void> {
  if (touched.size === 0) return
  // Always in the same order, so that two ledgers' appends can never wait for each other's rows.
  const rows = [...touched]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([accountId, touch]) => ({ accountId, ...touch, ...balanceOf(ledger, accountId) }))
  await sql`
    INSERT INTO ledger.balances AS b (ledger_id, account_id, pending, confirmed, locked, position, changed_at, confirmed_at)
    SELECT ${ledger.ledgerId}, n.account_id, n.pending, n.confirmed, n.locked, n.position, ${recordedAt},
      CASE WHEN n.is_confirmed THEN ${recordedAt}::timestamptz END
    FROM unnest(
      ${rows.map((row) => row.accountId.toString())}::bigint[],
      ${rows.map((row) => row.pending.toString())}::numeric[],
      ${rows.map((row) => row.confirmed.toString())}::numeric[],
      ${rows.map((row) => row.locked.toString())}::numeric[],
      ${rows.map((row) => row.position.toString())}::bigint[],
      ${rows.map((row) => row.isConfirmed)}::boolean[]
    ) AS n(account_id, pending, confirmed, locked, position, is_confirmed)
    ON CONFLICT (ledger_id, account_id) DO UPDATE SET
      pending = excluded.pending, confirmed = excluded.confirmed, locked = excluded.locked,
      position = excluded.position, changed_at = excluded.changed_at,
      confirmed_at = coalesce(excluded.confirmed_at, b.confirmed_at)`.execute(ledger.trx)
}
