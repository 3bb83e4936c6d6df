import { z } from "@hono/zod-openapi"
import { initiatorOf } from "../identity/initiator.ts"
import { endDeadLetter } from "../ledger/end-dead-letter.ts"
import { deadLetterSchema } from "../presenters/dead-letter.ts"
import { defineRoute } from "../route.ts"

export const retryDeadLetter = defineRoute({
  method: "post",
  path: "/dead-letters/{dead_letter_id}/retry",
  tag: "Settlement",
  summary: "Have the changes settled all the same",
  permission: "dead_letters.close",
  params: z.object({ dead_letter_id: z.string() }),
  answer: deadLetterSchema,
  refusals: ["UNKNOWN_DEAD_LETTER", "DEAD_LETTER_CLOSED"],
  handle: (services, { params, caller, context }) =>
    endDeadLetter(services, caller, initiatorOf(services, context, caller), params.dead_letter_id, {
      outcome: "retried",
    }),
})
