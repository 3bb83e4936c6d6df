import type { NewEventOf, RecordedEvent } from "../domain/events.ts"
import type { Statement } from "../store/statement.ts"

const placeText = `
  INSERT INTO ledger.holds (ledger_id, position, account_id, amount, expires_at, state)
  SELECT $1::uuid, h.position, h.account_id, h.amount, h.expires_at, 'open'
  FROM unnest($2::bigint[], $3::bigint[], $4::numeric[], $5::timestamptz[]) AS h(position, account_id, amount, expires_at)`

// Without a condition on the state: a hold that has ended already has to fail the append, which a trigger sees to.
const endText = `
  UPDATE ledger.holds AS h SET state = e.state, captured = e.captured, ended_position = e.ended_position
  FROM unnest($2::bigint[], $3::text[], $4::numeric[], $5::bigint[]) AS e(position, state, captured, ended_position)
  WHERE h.ledger_id = $1::uuid AND h.position = e.position`

const endStates = { HoldCaptured: "captured", HoldReleased: "released", HoldExpired: "expired" } as const
type EndEvent = NewEventOf<keyof typeof endStates> & { readonly position: bigint }

/** `ledger.holds`: placed and ended in the transaction that appends the events. */
export function projectHolds(ledgerId: string, events: readonly RecordedEvent[]): Statement[] {
  const placed = events.filter((event) => event.type === "HoldPlaced")
  const ended = events.filter((event): event is RecordedEvent & EndEvent => event.type in endStates)
  const statements: Statement[] = []
  if (placed.length > 0) {
    statements.push({
      name: "ledger-place-holds",
      text: placeText,
      values: [
        ledgerId,
        placed.map((event) => event.position.toString()),
        placed.map((event) => event.account?.accountId.toString()),
        placed.map((event) => event.data.amount),
        placed.map((event) => event.data.expires_at),
      ],
    })
  }
  if (ended.length > 0) {
    statements.push({
      name: "ledger-end-holds",
      text: endText,
      values: [
        ledgerId,
        ended.map((event) => event.data.hold_position),
        ended.map((event) => endStates[event.type]),
        ended.map((event) => (event.type === "HoldCaptured" ? event.data.captured : "0")),
        ended.map((event) => event.position.toString()),
      ],
    })
  }
  return statements
}
