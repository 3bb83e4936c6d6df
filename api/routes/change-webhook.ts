import { initiatorOf } from "../identity/initiator.ts"
import { presentWebhook, webhookSchema } from "../presenters/webhook.ts"
import { defineRoute } from "../route.ts"
import { webhookChangeSchema, webhookParams } from "../validation/webhook-schemas.ts"
import { readTarget, unknownWebhook } from "../webhooks/refuse-webhook.ts"
import { changeWebhook } from "../webhooks/webhook-store.ts"

export const changeWebhookRoute = defineRoute({
  method: "patch",
  path: "/webhooks/{webhook_id}",
  tag: "Live updates",
  summary: "Change what is named of a webhook; enabled again, it goes on where it was",
  permission: "webhooks.manage",
  params: webhookParams,
  body: webhookChangeSchema,
  answer: webhookSchema,
  refusals: ["UNKNOWN_WEBHOOK", "WEBHOOK_TARGET_REFUSED"],
  async handle(services, { params, body, caller, context }) {
    const url = body.url === undefined ? undefined : await readTarget(services, body.url)
    if (url !== undefined && typeof url !== "string") return url
    const { description, types, user_id, token_symbol, chain_id, is_enabled } = body
    const change = {
      ...(url === undefined ? {} : { url }),
      ...(description === undefined ? {} : { description }),
      ...(types === undefined ? {} : { types }),
      ...(user_id === undefined ? {} : { userId: user_id }),
      ...(token_symbol === undefined ? {} : { tokenSymbol: token_symbol }),
      ...(chain_id === undefined ? {} : { chainId: chain_id }),
      ...(is_enabled === undefined ? {} : { isEnabled: is_enabled }),
    }
    const actor = { ledgerId: caller.ledgerId, initiator: initiatorOf(services, context, caller) }
    const row = await changeWebhook(services.db, actor, params.webhook_id, change)
    if (row === undefined) return unknownWebhook
    services.logger.info({ actor: caller.actor, webhook: row.endpoint_id }, "a webhook was changed")
    return { data: presentWebhook(row) }
  },
})
