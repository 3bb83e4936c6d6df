import { z } from "@hono/zod-openapi"
import { initiatorOf } from "../identity/initiator.ts"
import { endDeadLetter } from "../ledger/end-dead-letter.ts"
import { deadLetterSchema } from "../presenters/dead-letter.ts"
import { defineRoute } from "../route.ts"

export const discardDeadLetter = defineRoute({
  method: "post",
  path: "/dead-letters/{dead_letter_id}/discard",
  tag: "Settlement",
  summary: "Take the changes out of the balance, for good: they are never settled",
  permission: "dead_letters.close",
  params: z.object({ dead_letter_id: z.string() }),
  body: z.strictObject({
    reason: z.string().min(1, "say why").max(200, "use at most 200 characters").openapi({
      description: "Stays in the log for ever: name nobody in it",
      example: "the address is frozen by the issuer",
    }),
  }),
  answer: deadLetterSchema,
  refusals: [
    "UNKNOWN_DEAD_LETTER",
    "DEAD_LETTER_CLOSED",
    "NOTHING_TO_DISCARD",
    "ALREADY_REVERSED",
    "INSUFFICIENT_BALANCE",
    "BALANCE_OUT_OF_RANGE",
  ],
  handle: (services, { params, body, caller, context }) =>
    endDeadLetter(services, caller, initiatorOf(services, context, caller), params.dead_letter_id, {
      outcome: "discarded",
      reason: body.reason,
    }),
})
