import type { RecordedEvent } from "../domain/events.ts"
import type { Statement } from "../store/statement.ts"

const text = `
  INSERT INTO ledger.reversals (ledger_id, reversed_position, position)
  SELECT $1::uuid, r.reversed_position, r.position FROM unnest($2::bigint[], $3::bigint[]) AS r(reversed_position, position)`

/** `ledger.reversals`: its key lets no change be taken back twice, by a reversal or by being discarded. */
export function projectReversals(ledgerId: string, events: readonly RecordedEvent[]): Statement[] {
  const reversals = events.flatMap((event) =>
    takenBackBy(event).map((reversed) => ({ reversed, position: event.position.toString() })),
  )
  if (reversals.length === 0) return []
  const values = [
    ledgerId,
    reversals.map(({ reversed }) => reversed),
    reversals.map(({ position }) => position),
  ]
  return [{ name: "ledger-store-reversals", text, values }]
}

function takenBackBy(event: RecordedEvent): readonly number[] {
  switch (event.type) {
    case "AdjustmentReversed":
      return [event.data.reversed_position]
    case "SettlementDiscarded":
      return event.data.positions
    default:
      return []
  }
}
