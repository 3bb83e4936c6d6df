import type { AccountBalance } from "../domain/adjust-balance.ts"
import type { Statement } from "../store/statement.ts"

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
      points.map((point) => point.accountId.toString()),
      points.map((point) => point.position.toString()),
      points.map((point) => point.pending.toString()),
      points.map((point) => point.confirmed.toString()),
      points.map((point) => point.locked.toString()),
    ],
  }
}
