import type { Statement } from "./statement.ts"

// Index probes for each event, for the reason that find-operations gives.
const text = `
  SELECT e.position FROM unnest($2::bigint[]) AS k(position)
  CROSS JOIN LATERAL (
    SELECT position FROM ledger.event_log
    WHERE ledger_id = $1 AND position = k.position AND details IS NOT NULL OFFSET 0
  ) AS e`

/** Asks which of these events have details. */
export function findDetails(ledgerId: string, positions: readonly bigint[]): Statement {
  return { name: "ledger-find-details", text, values: [ledgerId, positions.map(String)] }
}
