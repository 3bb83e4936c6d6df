import { z } from "@hono/zod-openapi"
import { initiatorOf } from "../identity/initiator.ts"
import { defineRoute } from "../route.ts"
import { webhookParams } from "../validation/webhook-schemas.ts"
import { unknownWebhook } from "../webhooks/refuse-webhook.ts"
import { deleteWebhook } from "../webhooks/webhook-store.ts"

export const deleteWebhookRoute = defineRoute({
  method: "delete",
  path: "/webhooks/{webhook_id}",
  tag: "Live updates",
  summary: "Delete a webhook with its secrets and its log",
  permission: "webhooks.manage",
  params: webhookParams,
  answer: z.object({ webhook_id: z.string(), is_deleted: z.literal(true) }),
  refusals: ["UNKNOWN_WEBHOOK"],
  async handle(services, { params: { webhook_id }, caller, context }) {
    const actor = { ledgerId: caller.ledgerId, initiator: initiatorOf(services, context, caller) }
    if (!(await deleteWebhook(services.db, actor, webhook_id))) return unknownWebhook
    services.logger.warn({ actor: caller.actor, webhook: webhook_id }, "a webhook was deleted")
    return { data: { webhook_id, is_deleted: true } }
  },
})
