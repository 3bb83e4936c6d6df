import { initiatorOf } from "../identity/initiator.ts"
import { presentWebhook, webhookSchema } from "../presenters/webhook.ts"
import { readHead } from "../queries/audit-events.ts"
import { refuse } from "../refusal.ts"
import { defineRoute } from "../route.ts"
import { replaySchema, webhookParams } from "../validation/webhook-schemas.ts"
import { unknownWebhook } from "../webhooks/refuse-webhook.ts"
import { replayWebhook } from "../webhooks/webhook-store.ts"

export const replayWebhookRoute = defineRoute({
  method: "post",
  path: "/webhooks/{webhook_id}/replay",
  tag: "Live updates",
  summary: "Deliver everything behind a position again, in order and with the same message ids",
  permission: "webhooks.manage",
  params: webhookParams,
  body: replaySchema,
  answer: webhookSchema,
  refusals: ["UNKNOWN_WEBHOOK", "UNKNOWN_POSITION"],
  async handle(services, { params, body, caller, context }) {
    const { ledgerId } = caller
    const { position: head } = await readHead(services.db, ledgerId)
    const after = BigInt(body.after)
    if (after > head)
      return refuse("UNKNOWN_POSITION", "after", `the log ends at ${head}: name a position up to there`)
    const actor = { ledgerId, initiator: initiatorOf(services, context, caller) }
    const replayed = await replayWebhook(services.db, actor, params.webhook_id, after)
    if (replayed === "unknown") return unknownWebhook
    if ("cursor" in replayed)
      return refuse(
        "INVALID_FIELD",
        "after",
        `it is at ${replayed.cursor}: name that position or an earlier one, so that nothing is left out`,
      )
    services.logger.info({ actor: caller.actor, webhook: params.webhook_id }, "a webhook is replayed")
    return { data: presentWebhook(replayed) }
  },
})
