import { z } from "@hono/zod-openapi"
import { acknowledgeAlarm } from "../../ledger/store/acknowledge-alarm.ts"
import { recordAction } from "../../ledger/store/record-action.ts"
import { initiatorOf } from "../identity/initiator.ts"
import { refuse } from "../refusal.ts"
import { defineRoute } from "../route.ts"
import { timeAnswer } from "../validation/schemas.ts"

const askForReason = "say in 1 to 500 characters what was found: it stays in the audit log"
const unknownAlarm = refuse("UNKNOWN_ALARM", null, "use an alarm_id of GET /alarms")

export const clearAlarm = defineRoute({
  method: "post",
  path: "/alarms/{alarm_id}/clear",
  tag: "System",
  summary: "Clear an alarm that does not go by itself, after looking into it",
  permission: "alarms.clear",
  params: z.object({ alarm_id: z.string() }),
  body: z.strictObject({
    reason: z
      .string(askForReason)
      .trim()
      .regex(/^[^\p{Cc}]{1,500}$/u, askForReason)
      .openapi({ example: "the transaction was a test of ours" }),
  }),
  answer: z.object({
    alarm_id: z.string(),
    cleared_at: timeAnswer,
    was_cleared: z.boolean().openapi({ description: "It was cleared before" }),
  }),
  refusals: ["UNKNOWN_ALARM", "ALARM_HAS_CAUSE"],
  async handle(services, { params, body, caller, context }) {
    const { ledgerId } = caller
    const { alarm_id: alarmId } = params
    if (!z.uuid().safeParse(alarmId).success) return unknownAlarm
    const result = await services.db.transaction().execute(async (trx) => {
      const isForAll = caller.permissions.has("people.manage")
      const acknowledged = await acknowledgeAlarm(trx, { alarmId, ledgerId, isForAll })
      if (acknowledged.outcome === "cleared") {
        const { kind, subject, message, ledger_id } = acknowledged.alarm
        await recordAction(trx, {
          ...initiatorOf(services, context, caller),
          ledgerId: ledger_id,
          action: "alarm.cleared",
          subject: alarmId,
          before: { kind, subject, message },
          after: { reason: body.reason },
        })
      }
      return acknowledged
    })
    switch (result.outcome) {
      case "cleared":
        services.logger.warn(
          { actor: caller.actor, kind: result.alarm.kind, subject: result.alarm.subject },
          `an alarm was cleared: ${body.reason}`,
        )
        return { data: presentCleared(alarmId, result.clearedAt, false) }
      case "was_cleared":
        return { data: presentCleared(alarmId, result.clearedAt, true) }
      case "unknown":
        return unknownAlarm
      case "goes_by_itself":
        return refuse(
          "ALARM_HAS_CAUSE",
          null,
          `an alarm ${result.alarm.kind} ends with its cause: ${result.alarm.message}`,
        )
      case "is_for_all":
        return refuse("FORBIDDEN", null, "the alarm concerns every app: an admin of all apps may clear it")
    }
  },
})

function presentCleared(alarmId: string, clearedAt: Date, wasCleared: boolean) {
  return { alarm_id: alarmId, cleared_at: clearedAt.toISOString(), was_cleared: wasCleared }
}
