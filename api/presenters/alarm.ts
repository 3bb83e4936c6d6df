import { z } from "@hono/zod-openapi"
import { isAcknowledged } from "../../ledger/store/acknowledge-alarm.ts"
import type { AlarmRow } from "../queries/alarms.ts"
import { timeAnswer } from "../validation/schemas.ts"

export const alarmSchema = z.object({
  alarm_id: z.string(),
  kind: z.string().openapi({ example: "foreign_transaction" }),
  subject: z.string().openapi({ description: "What it is about" }),
  message: z.string(),
  is_for_all: z.boolean().openapi({ description: "It concerns every app" }),
  goes_by_itself: z.boolean().openapi({
    description: "It ends with its cause; the others stay until somebody has looked, and clears them",
  }),
  raised_at: timeAnswer,
  cleared_at: timeAnswer.nullable(),
})

export function presentAlarm(row: AlarmRow): z.infer<typeof alarmSchema> {
  return {
    alarm_id: row.alarm_id,
    kind: row.kind,
    subject: row.subject,
    message: row.message,
    is_for_all: row.ledger_id === null,
    goes_by_itself: !isAcknowledged(row.kind),
    raised_at: row.raised_at.toISOString(),
    cleared_at: row.cleared_at?.toISOString() ?? null,
  }
}
