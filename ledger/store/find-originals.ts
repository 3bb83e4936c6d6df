import type { ChangeData } from "../domain/events.ts"
import type { Original } from "../domain/reverse-adjustment.ts"
import type { Statement } from "./statement.ts"

/** An event of one account, with the account's balance. */
export type OriginalRow = {
  readonly position: bigint
  readonly type: string
  readonly account_id: bigint
  readonly user_id: string
  readonly token_id: number
  readonly amount: bigint
  readonly data: ChangeData
  readonly reversed_by: bigint | null
  readonly pending: bigint
  readonly confirmed: bigint
  readonly locked: bigint
}

// Index probes for each event, for the reason that find-operations gives.
const text = `
  SELECT e.*, a.user_id, a.token_id, r.position AS reversed_by, b.pending, b.confirmed, b.locked
  FROM unnest($2::bigint[]) AS k(position)
  CROSS JOIN LATERAL (
    SELECT position, type, account_id, amount, data FROM ledger.event_log
    WHERE ledger_id = $1 AND position = k.position OFFSET 0
  ) AS e
  CROSS JOIN LATERAL (
    SELECT user_id, token_id FROM ledger.accounts WHERE ledger_id = $1 AND account_id = e.account_id OFFSET 0
  ) AS a
  CROSS JOIN LATERAL (
    SELECT pending, confirmed, locked FROM ledger.balances WHERE ledger_id = $1 AND account_id = e.account_id OFFSET 0
  ) AS b
  LEFT JOIN LATERAL (
    SELECT position FROM ledger.reversals WHERE ledger_id = $1 AND reversed_position = e.position OFFSET 0
  ) AS r ON true`

/** Asks for the events at these positions, where one account is touched, and whether they have been reversed. */
export function findOriginals(ledgerId: string, positions: readonly bigint[]): Statement {
  return { name: "ledger-find-originals", text, values: [ledgerId, positions.map(String)] }
}

export function toOriginal(row: OriginalRow): Original {
  return {
    position: row.position,
    type: row.type,
    accountId: row.account_id,
    userId: row.user_id,
    tokenId: row.token_id,
    amountBaseUnits: row.amount,
    data: row.data,
    reversedBy: row.reversed_by,
  }
}
