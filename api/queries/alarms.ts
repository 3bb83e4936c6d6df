import { type Kysely, sql } from "kysely"
import type { Database } from "../../ledger/store/database.ts"

export type AlarmRow = {
  readonly alarm_sequence: bigint
  readonly alarm_id: string
  readonly kind: string
  readonly subject: string
  /** null: it concerns every app. */
  readonly ledger_id: string | null
  readonly message: string
  readonly raised_at: Date
  readonly cleared_at: Date | null
}

/** Alarms that are not about another app's ledger, the newest first, with a sequence below `before` where that is given. */
export async function readAlarms(
  db: Kysely<Database>,
  ledgerId: string,
  isOpen: boolean | undefined,
  before: bigint | null,
  limit: number,
): Promise<readonly AlarmRow[]> {
  const { rows } = await sql<AlarmRow>`
    SELECT alarm_sequence, alarm_id, kind, subject, ledger_id, message, raised_at, cleared_at FROM registry.alarms
    WHERE (ledger_id IS NULL OR ledger_id = ${ledgerId})
      AND (${isOpen ?? null}::boolean IS NULL OR (cleared_at IS NULL) = ${isOpen ?? null}::boolean)
      AND alarm_sequence < ${before ?? 2n ** 63n - 1n}
    ORDER BY alarm_sequence DESC LIMIT ${limit}`.execute(db)
  return rows
}
