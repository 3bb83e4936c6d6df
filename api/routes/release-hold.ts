import { z } from "@hono/zod-openapi"
import { endHold } from "../ledger/end-hold.ts"
import { keyedWrite } from "../ledger/keyed-write.ts"
import { holdAnswerContext, releasedHoldSchema } from "../presenters/hold-answer.ts"
import { defineRoute } from "../route.ts"
import { holdIdSchema, releaseHoldBodySchema } from "../validation/hold-schemas.ts"

const path = "/balance/holds/{hold_id}/release"

export const releaseHold = defineRoute({
  method: "post",
  path,
  tag: "Ledger",
  summary: "Give all of a hold back",
  permission: "ledger.write",
  params: z.object({ hold_id: holdIdSchema }),
  body: releaseHoldBodySchema,
  isBodyOptional: true,
  answer: releasedHoldSchema,
  refusals: ["UNKNOWN_HOLD", "HOLD_ENDED", "IDEMPOTENCY_CONFLICT", "IDEMPOTENCY_KEY_MISMATCH", "OVERLOADED"],
  handle: (services, { params, body, caller, context }) =>
    endHold(services, {
      write: keyedWrite(path, { caller, body, context }),
      holdId: params.hold_id,
      body,
      commandOf: (write, { row, token }) => ({
        kind: "ReleaseHold",
        ...write,
        answerContext: holdAnswerContext(token, null),
        holdPosition: row.position,
      }),
    }),
})
