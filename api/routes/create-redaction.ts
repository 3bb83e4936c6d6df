import { z } from "@hono/zod-openapi"
import { redactedPositionsMax } from "../../ledger/domain/events.ts"
import { continueRedaction } from "../../ledger/redactions/continue-redaction.ts"
import { describeError } from "../../platform/errors.ts"
import { initiatorOf } from "../identity/initiator.ts"
import { type CommandRequest, executeCommand } from "../ledger/execute-command.ts"
import { findWhatToRedact } from "../ledger/find-what-to-redact.ts"
import { keyedWrite } from "../ledger/keyed-write.ts"
import type { Answer } from "../presenters/envelope.ts"
import {
  presentNothingRedacted,
  presentRedactionStep,
  redactionAnswerSchema,
} from "../presenters/redaction.ts"
import { decodeRedactionId } from "../presenters/redaction-id.ts"
import { isRefusal, type Refusal } from "../refusal.ts"
import { defineRoute } from "../route.ts"
import { keyFields } from "../validation/hold-schemas.ts"
import { userIdSchema } from "../validation/schemas.ts"

const route = "/admin/redactions"
/** With each of them its hold or its capture may go. */
const namedMax = redactedPositionsMax / 2

export const createRedaction = defineRoute({
  method: "post",
  path: route,
  tag: "Reconciliation and audit",
  summary: "Erase reason_detail and metadata of a user or of transactions, for ever",
  permission: "redactions.create",
  body: z
    .strictObject({
      ...keyFields,
      user_id: userIdSchema
        .optional()
        .openapi({ description: "Everything that is recorded of the user now" }),
      tx_ids: z
        .array(z.string())
        .min(1, "name at least one transaction")
        .max(namedMax, "name at most 5,000 transactions; split the request")
        .optional()
        .openapi({
          description:
            "Instead of user_id: a tx_id, or a hold_id for what was said with a hold; a hold and its capture go together",
        }),
      reason: z.string().min(1, "say why").max(200, "use at most 200 characters").openapi({
        description: "Stays in the log for ever: name nobody in it",
        example: "erasure request 4711",
      }),
    })
    .openapi({ oneOf: [{ required: ["user_id"] }, { required: ["tx_ids"] }] }),
  answer: redactionAnswerSchema,
  answerStatus: 202,
  refusals: [
    "UNKNOWN_USER",
    "UNKNOWN_TRANSACTION",
    "IDEMPOTENCY_CONFLICT",
    "IDEMPOTENCY_KEY_MISMATCH",
    "OVERLOADED",
  ],
  async handle(services, { body, caller, context }) {
    const { operation_id, sequence, ...said } = body
    const { ledgerId } = caller
    let isAll = true
    /** Whether others have erased all that was found, and there is more. */
    let isOvertaken: boolean
    const request: CommandRequest = {
      ...keyedWrite(route, { caller, body, context }),
      said,
      async prepare(write) {
        const found = await findWhatToRedact(services.db, ledgerId, said)
        if (isRefusal(found)) return found
        const { positions, isComplete } = found
        isAll = isComplete
        const userId = said.user_id ?? null
        const answerContext = { user_id: userId, status: isComplete ? "complete" : "running" }
        return {
          command: {
            kind: "RedactDetails",
            ...write,
            action: {
              ...initiatorOf(services, context, caller),
              ledgerId,
              action: "redaction.requested",
              subject: `operation:${write.operationId}:${write.sequence}`,
              after: { reason: said.reason },
            },
            answerContext,
            positions,
            userId,
            reason: said.reason,
            requestedBy: caller.actor,
          },
          subject: { ledgerId, tokenOf: () => undefined, amountField: () => null },
        }
      },
      present: (operation) => presentRedactionStep(ledgerId, operation),
      presentNothing() {
        isOvertaken = !isAll
        return presentNothingRedacted(said.user_id ?? null)
      },
    }
    let answer: Answer | Refusal
    do {
      isOvertaken = false
      answer = await executeCommand(services, request)
    } while (isOvertaken)
    if (isRefusal(answer)) return answer
    services.logger.info({ actor: caller.actor, ledger_id: ledgerId }, "details were redacted")
    const { redaction_id: id } = answer.data as z.infer<typeof redactionAnswerSchema>
    const position = id === null ? undefined : decodeRedactionId(ledgerId, id)
    if (said.user_id !== undefined && position !== undefined) {
      // The worker does it otherwise. It is recorded whatever becomes of this.
      await continueRedaction(services.db, ledgerId, position, new Date()).catch((error: unknown) =>
        services.logger.warn({ reason: describeError(error) }, "an erasure is left to the worker"),
      )
    }
    return answer
  },
})
