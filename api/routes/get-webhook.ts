import { presentWebhook, webhookSchema } from "../presenters/webhook.ts"
import { defineRoute } from "../route.ts"
import { webhookParams } from "../validation/webhook-schemas.ts"
import { unknownWebhook } from "../webhooks/refuse-webhook.ts"
import { readWebhooks } from "../webhooks/webhook-store.ts"

export const getWebhook = defineRoute({
  method: "get",
  path: "/webhooks/{webhook_id}",
  tag: "Live updates",
  summary: "A webhook: how far it has got, and whether it fails",
  permission: "webhooks.read",
  params: webhookParams,
  answer: webhookSchema,
  refusals: ["UNKNOWN_WEBHOOK"],
  async handle(services, { params, caller }) {
    const only = { endpointId: params.webhook_id, limit: 1 }
    const [row] = await readWebhooks(services.db, caller.ledgerId, only)
    return row === undefined ? unknownWebhook : { data: presentWebhook(row) }
  },
})
