import type { RecordedEvent } from "../domain/events.ts"
import type { Statement } from "../store/statement.ts"

/** Erases the details that the events name: what says that they are gone and their going are one commit. */
export function projectRedactions(ledgerId: string, events: readonly RecordedEvent[]): Statement[] {
  return events.flatMap((event) =>
    event.type === "DetailsRedacted"
      ? [
          {
            name: "ledger-redact-details",
            text: "SELECT ledger.redact_details($1::uuid, $2::bigint[])",
            values: [ledgerId, event.data.positions],
          },
        ]
      : [],
  )
}
