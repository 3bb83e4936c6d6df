import type { Statement } from "./statement.ts"

export type AccountRow = {
  readonly user_id: string
  readonly token_id: number
  readonly account_id: bigint
  readonly pending: bigint
  readonly confirmed: bigint
  readonly locked: bigint
}

// Two index probes an account. A plan may be made while the table is empty, when every index that begins with the ledger costs the same: only the one that has
// the whole key can give the order that is asked for without sorting, which these connections do not do (writer-pool.ts).
const text = `
  SELECT k.user_id, k.token_id, a.account_id, b.pending, b.confirmed, b.locked
  FROM unnest($2::text[], $3::integer[]) AS k(user_id, token_id)
  CROSS JOIN LATERAL (
    SELECT account_id FROM ledger.accounts
    WHERE ledger_id = $1 AND user_id >= k.user_id AND user_id <= k.user_id AND token_id = k.token_id
    ORDER BY user_id LIMIT 1
  ) AS a
  CROSS JOIN LATERAL (
    SELECT pending, confirmed, locked FROM ledger.balances
    WHERE ledger_id = $1 AND account_id = a.account_id OFFSET 0
  ) AS b`

/** Asks which of these accounts exist, and for their balances. */
export function findAccounts(
  ledgerId: string,
  keys: readonly { readonly userId: string; readonly tokenId: number }[],
): Statement {
  return {
    name: "ledger-find-accounts",
    text,
    values: [ledgerId, keys.map((key) => key.userId), keys.map((key) => key.tokenId)],
  }
}
