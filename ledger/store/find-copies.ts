import type { Statement } from "./statement.ts"

export type CopyRow = { readonly position: bigint; readonly copy: bigint }

// Index probes for each event, for the reason that find-operations gives.
const text = `
  SELECT k.position, t.position AS copy FROM unnest($2::bigint[]) AS k(position)
  CROSS JOIN LATERAL (
    SELECT ended_position AS position FROM ledger.holds
    WHERE ledger_id = $1 AND position = k.position AND state = 'captured'
    UNION ALL
    SELECT (data->>'hold_position')::bigint FROM ledger.event_log
    WHERE ledger_id = $1 AND position = k.position AND type = 'HoldCaptured'
    OFFSET 0
  ) AS t
  CROSS JOIN LATERAL (
    SELECT FROM ledger.event_log WHERE ledger_id = $1 AND position = t.position AND details IS NOT NULL OFFSET 0
  ) AS e`

/** Asks for the events that may say the same in words as these do: the capture of a hold, and the hold of a capture, where they have details. */
export function findCopies(ledgerId: string, positions: readonly bigint[]): Statement {
  return { name: "ledger-find-copies", text, values: [ledgerId, positions.map(String)] }
}
