import type { RecordedEvent } from "../domain/events.ts"
import type { Statement } from "../store/statement.ts"

const text = `
  INSERT INTO ledger.reversals (ledger_id, reversed_position, position)
  SELECT $1::uuid, r.reversed_position, r.position FROM unnest($2::bigint[], $3::bigint[]) AS r(reversed_position, position)`

/** `ledger.reversals`: its key lets no adjustment be taken back twice. */
export function projectReversals(ledgerId: string, events: readonly RecordedEvent[]): Statement[] {
  const reversals = events.filter((event) => event.type === "AdjustmentReversed")
  if (reversals.length === 0) return []
  const values = [
    ledgerId,
    reversals.map((event) => event.data.reversed_position),
    reversals.map((event) => event.position.toString()),
  ]
  return [{ name: "ledger-store-reversals", text, values }]
}
