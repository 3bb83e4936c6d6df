import { sql, type Transaction } from "kysely"
import type { AlarmKind } from "./alarms.ts"
import type { Database } from "./database.ts"

/** Alarms about something that happened, and not about a state that may end: a person looks, and says that he has. All others go with their cause. */
const acknowledgedKinds = [
  "foreign_transaction",
  "finality_broken",
  "unknown_batch",
  "settlement_differs",
  "settled_twice",
  "batch_altered",
  "foreign_anchor",
] as const satisfies readonly AlarmKind[]

export function isAcknowledged(kind: string): boolean {
  return acknowledgedKinds.some((acknowledged) => acknowledged === kind)
}

type AlarmRow = {
  readonly kind: string
  readonly subject: string
  readonly message: string
  readonly ledger_id: string | null
}

export type Acknowledgement =
  | { readonly outcome: "cleared"; readonly alarm: AlarmRow; readonly clearedAt: Date }
  | { readonly outcome: "unknown" }
  | { readonly outcome: "was_cleared"; readonly clearedAt: Date }
  /** Of a kind that goes with its cause. */
  | { readonly outcome: "goes_by_itself"; readonly alarm: AlarmRow }
  /** It concerns every app. */
  | { readonly outcome: "is_for_all" }

/** Clears an alarm of the ledger, or one about no ledger where `isForAll`, for somebody who has looked into it. */
export async function acknowledgeAlarm(
  trx: Transaction<Database>,
  wanted: { readonly alarmId: string; readonly ledgerId: string; readonly isForAll: boolean },
): Promise<Acknowledgement> {
  const { rows } = await sql<AlarmRow & { cleared_at: Date | null }>`
    SELECT kind, subject, message, ledger_id, cleared_at FROM registry.alarms
    WHERE alarm_id = ${wanted.alarmId} AND (ledger_id IS NULL OR ledger_id = ${wanted.ledgerId}) FOR UPDATE`.execute(
    trx,
  )
  const [row] = rows
  if (row === undefined) return { outcome: "unknown" }
  const { cleared_at: clearedAt, ...alarm } = row
  if (alarm.ledger_id === null && !wanted.isForAll) return { outcome: "is_for_all" }
  if (clearedAt !== null) return { outcome: "was_cleared", clearedAt }
  if (!isAcknowledged(alarm.kind)) return { outcome: "goes_by_itself", alarm }
  const cleared = await sql<{ cleared_at: Date }>`
    UPDATE registry.alarms SET cleared_at = now() WHERE alarm_id = ${wanted.alarmId} RETURNING cleared_at`.execute(
    trx,
  )
  return { outcome: "cleared", alarm, clearedAt: cleared.rows[0]?.cleared_at ?? new Date() }
}
