import { z } from "@hono/zod-openapi"
import { parseAmount } from "../../ledger/domain/amount.ts"
import { endHold } from "../ledger/end-hold.ts"
import { keyedWrite } from "../ledger/keyed-write.ts"
import { checkDetails } from "../ledger/resolve-adjustments.ts"
import { answerContextOf } from "../presenters/answer-context.ts"
import { capturedHoldSchema, holdAnswerContext } from "../presenters/hold-answer.ts"
import { isRefusal, refuse } from "../refusal.ts"
import { defineRoute } from "../route.ts"
import { captureHoldBodySchema, holdIdSchema } from "../validation/hold-schemas.ts"

const path = "/balance/holds/{hold_id}/capture"

export const captureHold = defineRoute({
  method: "post",
  path,
  tag: "Ledger",
  summary: "Take all or part of a hold; the rest can be spent again",
  permission: "ledger.write",
  params: z.object({ hold_id: holdIdSchema }),
  body: captureHoldBodySchema,
  isBodyOptional: true,
  answer: capturedHoldSchema,
  refusals: [
    "UNKNOWN_HOLD",
    "HOLD_ENDED",
    "CAPTURE_TOO_LARGE",
    "INVALID_AMOUNT",
    "METADATA_NOT_ALLOWED",
    "UNKNOWN_REASON",
    "INSUFFICIENT_BALANCE",
    "IDEMPOTENCY_CONFLICT",
    "IDEMPOTENCY_KEY_MISMATCH",
    "OVERLOADED",
  ],
  handle: (services, { params, body, caller, context }) =>
    endHold(services, {
      write: keyedWrite(path, { caller, body, context }),
      holdId: params.hold_id,
      body,
      commandOf(write, { row, token, registry }) {
        const amount =
          body.amount === undefined ? null : parseAmount(body.amount, token.decimals, "forbidden")
        if (amount !== null && "refused" in amount) return refuse(amount.refused, "amount", amount.message)
        const details = checkDetails(registry, row.data.reason_type, body)
        if (details !== null && isRefusal(details)) return details
        const {
          reason_type: reasonType,
          priority,
          is_immediate: isImmediate,
          max_wait_ms: maxWaitMs,
        } = row.data
        const adjustment = { userId: row.user_id, reasonType, priority, isImmediate, maxWaitMs }
        const sync = answerContextOf(services.lanes, caller.ledgerId, [{ token, adjustment }], new Date())
        return {
          kind: "CaptureHold",
          ...write,
          answerContext: holdAnswerContext(token, sync),
          holdPosition: row.position,
          amountBaseUnits: amount?.amountBaseUnits ?? null,
          details,
        }
      },
    }),
})
