import { type Kysely, sql } from "kysely"
import type { Database } from "../../ledger/store/database.ts"

export type RedactionRow = {
  readonly user_id: string | null
  readonly reason: string
  readonly requested_by: string
  readonly redacted: bigint
  readonly steps: number
  readonly requested_at: Date
  readonly finished_at: Date | null
}

/** The erasure that began at a position. One of named transactions is finished with its only event. */
export async function readRedaction(
  db: Kysely<Database>,
  ledgerId: string,
  position: bigint,
): Promise<RedactionRow | undefined> {
  const { rows } = await sql<RedactionRow>`
    SELECT e.data->>'user_id' AS user_id, e.data->>'reason' AS reason, e.data->>'requested_by' AS requested_by,
      coalesce(r.redacted, json_array_length(e.data->'positions')) AS redacted, coalesce(r.steps, 1) AS steps,
      e.recorded_at AS requested_at, CASE WHEN r.position IS NULL THEN e.recorded_at ELSE r.finished_at END AS finished_at
    FROM ledger.event_log e
    LEFT JOIN ledger.redactions r ON r.ledger_id = e.ledger_id AND r.position = e.position
    WHERE e.ledger_id = ${ledgerId} AND e.position = ${position} AND e.type = 'DetailsRedacted'`.execute(db)
  return rows[0]
}
