import type { AccountBalance } from "../domain/adjust-balance.ts"
import { arrayOf, type Statement } from "../store/statement.ts"

/** What an account's figures became by the event at `position`. */
export type BalancePoint = AccountBalance & { readonly accountId: bigint; readonly position: bigint }

const text = `
  INSERT INTO ledger.balance_history (ledger_id, account_id, position, pending, confirmed, locked)
  SELECT $1::uuid, p.account_id, p.position, p.pending, p.confirmed, p.locked
  FROM unnest($2::bigint[], $3::bigint[], $4::numeric[], $5::numeric[], $6::numeric[])
    AS p(account_id, position, pending, confirmed, locked)`

/** `ledger.balance_history`: one row for every account that an event moves the confirmed or the locked figure of. */
export function projectBalanceHistory(ledgerId: string, points: readonly BalancePoint[]): Statement {
  return {
    name: "ledger-store-balance-history",
    text,
    values: [
      ledgerId,
      arrayOf(points, (point) => point.accountId),
      arrayOf(points, (point) => point.position),
      arrayOf(points, (point) => point.pending),
      arrayOf(points, (point) => point.confirmed),
      arrayOf(points, (point) => point.locked),
    ],
  }
}
