import type { AccountBalance } from "../domain/adjust-balance.ts"
import { arrayOf, type Statement } from "../store/statement.ts"

/** The state of an account after the events of one append. */
export type TouchedBalance = AccountBalance & {
  readonly accountId: bigint
  /** The last event that touched it. */
  readonly position: bigint
  readonly isConfirmed: boolean
}

const text = `
  INSERT INTO ledger.balances AS b (ledger_id, account_id, pending, confirmed, locked, position, changed_at, confirmed_at)
  SELECT $1::uuid, n.account_id, n.pending, n.confirmed, n.locked, n.position, $2::timestamptz,
    CASE WHEN n.is_confirmed THEN $2::timestamptz END
  FROM unnest($3::bigint[], $4::numeric[], $5::numeric[], $6::numeric[], $7::bigint[], $8::boolean[])
    AS n(account_id, pending, confirmed, locked, position, is_confirmed)
  ON CONFLICT (ledger_id, account_id) DO UPDATE SET
    pending = excluded.pending, confirmed = excluded.confirmed, locked = excluded.locked,
    position = excluded.position, changed_at = excluded.changed_at,
    confirmed_at = coalesce(excluded.confirmed_at, b.confirmed_at)`

/** `ledger.balances`: stores what the append computed in memory for every account that its events touched. */
export function projectBalances(
  ledgerId: string,
  touched: readonly TouchedBalance[],
  recordedAt: Date,
): Statement {
  return {
    name: "ledger-store-balances",
    text,
    values: [
      ledgerId,
      recordedAt.toISOString(),
      arrayOf(touched, (balance) => balance.accountId),
      arrayOf(touched, (balance) => balance.pending),
      arrayOf(touched, (balance) => balance.confirmed),
      arrayOf(touched, (balance) => balance.locked),
      arrayOf(touched, (balance) => balance.position),
      arrayOf(touched, (balance) => balance.isConfirmed),
    ],
  }
}
