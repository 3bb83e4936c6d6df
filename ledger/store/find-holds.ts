import { type ChangeData, changeDataOf, type EventDetails } from "../domain/events.ts"
import type { Hold } from "../domain/hold.ts"
import type { HoldState } from "./database.ts"
import type { Statement } from "./statement.ts"

/** A hold with its account's balance. */
export type HoldRow = {
  readonly position: bigint
  readonly account_id: bigint
  readonly user_id: string
  readonly token_id: number
  readonly amount: bigint
  readonly expires_at: Date
  readonly state: HoldState
  readonly ended_at: Date | null
  readonly data: ChangeData
  readonly details: EventDetails | null
  /** Whether an erasure of its user is under way that will come to its details, or has. */
  readonly is_erased: boolean
  readonly pending: bigint
  readonly confirmed: bigint
  readonly locked: bigint
}

// Index probes for each hold, for the reason that find-operations gives.
const text = `
  SELECT h.*, a.user_id, a.token_id, p.data, p.details, x.recorded_at AS ended_at, b.pending, b.confirmed, b.locked,
    EXISTS (
      SELECT FROM ledger.redactions r
      WHERE r.ledger_id = $1 AND r.finished_at IS NULL AND r.position > h.position AND r.user_id = a.user_id
    ) AS is_erased
  FROM unnest($2::bigint[]) AS k(position)
  CROSS JOIN LATERAL (
    SELECT position, account_id, amount, expires_at, state, ended_position FROM ledger.holds
    WHERE ledger_id = $1 AND position = k.position OFFSET 0
  ) AS h
  CROSS JOIN LATERAL (
    SELECT user_id, token_id FROM ledger.accounts WHERE ledger_id = $1 AND account_id = h.account_id OFFSET 0
  ) AS a
  CROSS JOIN LATERAL (
    SELECT pending, confirmed, locked FROM ledger.balances WHERE ledger_id = $1 AND account_id = h.account_id OFFSET 0
  ) AS b
  CROSS JOIN LATERAL (
    SELECT data, details FROM ledger.event_log WHERE ledger_id = $1 AND position = h.position OFFSET 0
  ) AS p
  LEFT JOIN LATERAL (
    SELECT recorded_at FROM ledger.event_log WHERE ledger_id = $1 AND position = h.ended_position OFFSET 0
  ) AS x ON true`

/** Asks for the holds that were placed at these positions. */
export function findHolds(ledgerId: string, positions: readonly bigint[]): Statement {
  return { name: "ledger-find-holds", text, values: [ledgerId, positions.map(String)] }
}

export function toHold(row: HoldRow): Hold {
  const { state } = row
  return {
    position: row.position,
    accountId: row.account_id,
    userId: row.user_id,
    tokenId: row.token_id,
    amountBaseUnits: row.amount,
    expiresAt: row.expires_at,
    change: changeDataOf(row.data),
    // A capture would bring them back behind the erasure's end.
    details: row.is_erased ? null : row.details,
    end: state === "open" ? null : { how: state, at: row.ended_at ?? row.expires_at },
  }
}
