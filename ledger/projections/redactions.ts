import type { NewEventOf, RecordedEvent } from "../domain/events.ts"
import type { Statement } from "../store/statement.ts"

const beginText = `
  INSERT INTO ledger.redactions (ledger_id, position, user_id, cursor, redacted, steps)
  VALUES ($1::uuid, $2::bigint, $3, $4::bigint, $5::bigint, 1)`

/** What the later steps of an erasure say as their cause. */
export function causationOfRedaction(position: bigint): string {
  return `redaction:${position}`
}

/**
 * Erases the details that the events name: what says that they are gone and their going are one commit. The first event of a user's erasure begins a row of `ledger.redactions`,
 * so that whoever comes next can go on with it.
 */
export function projectRedactions(ledgerId: string, events: readonly RecordedEvent[]): Statement[] {
  return events.flatMap((event) =>
    event.type === "DetailsRedacted" ? [erase(ledgerId, event), ...begin(ledgerId, event)] : [],
  )
}

function erase(ledgerId: string, { data }: NewEventOf<"DetailsRedacted">): Statement {
  return {
    name: "ledger-redact-details",
    text: "SELECT ledger.redact_details($1::uuid, $2::bigint[])",
    values: [ledgerId, data.positions],
  }
}

function begin(
  ledgerId: string,
  { data, causation, position }: NewEventOf<"DetailsRedacted"> & { readonly position: bigint },
): Statement[] {
  const { user_id: userId, positions } = data
  if (userId === null || causation.startsWith("redaction:")) return []
  const cursor = Math.max(...positions)
  const values = [ledgerId, position.toString(), userId, cursor, positions.length]
  return [{ name: "ledger-begin-redaction", text: beginText, values }]
}
