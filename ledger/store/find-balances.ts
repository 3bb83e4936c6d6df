import type { Statement } from "./statement.ts"

export type BalanceRow = {
  readonly account_id: bigint
  readonly pending: bigint
  readonly confirmed: bigint
  readonly locked: bigint
}

// One index probe an account, where their names take two.
const text = `
  SELECT k.account_id, b.pending, b.confirmed, b.locked
  FROM unnest($4::bigint[]) AS k(account_id)
  CROSS JOIN LATERAL (
    SELECT pending, confirmed, locked FROM ledger.balances
    WHERE ledger_id = $1 AND account_id = k.account_id OFFSET 0
  ) AS b
  WHERE EXISTS (SELECT FROM ledger.events WHERE ledger_id = $1 AND position = $2 AND hash = $3)`

/**
 * Asks for the balances of accounts whose ids were learnt at a head of the ledger. Where the log does not go on from there, as in a database that was restored, or that event is in the archive, there is
 * no answer for any: the ids may be somebody else's.
 */
export function findBalances(
  ledgerId: string,
  learntAt: { readonly position: bigint; readonly hash: Buffer },
  accountIds: Iterable<bigint>,
): Statement {
  return {
    name: "ledger-find-balances",
    text,
    values: [ledgerId, learntAt.position.toString(), learntAt.hash, Array.from(accountIds, String)],
  }
}
