import { initiatorOf } from "../identity/initiator.ts"
import { startAfter } from "../live/subscription-request.ts"
import { madeWebhookSchema, presentWebhook } from "../presenters/webhook.ts"
import { readHead } from "../queries/audit-events.ts"
import { refuse } from "../refusal.ts"
import { defineRoute } from "../route.ts"
import { newWebhookSchema } from "../validation/webhook-schemas.ts"
import { readTarget } from "../webhooks/refuse-webhook.ts"
import { webhooksUnavailable } from "../webhooks/webhook-settings.ts"
import { createWebhook } from "../webhooks/webhook-store.ts"

export const createWebhookRoute = defineRoute({
  method: "post",
  path: "/webhooks",
  tag: "Live updates",
  summary: "Have events sent to an address; the secret that they are signed with is shown this once",
  permission: "webhooks.manage",
  body: newWebhookSchema,
  answer: madeWebhookSchema,
  refusals: [
    "INVALID_PARAMETER",
    "UNKNOWN_POSITION",
    "TOO_MANY_WEBHOOKS",
    "WEBHOOK_TARGET_REFUSED",
    "WEBHOOKS_UNAVAILABLE",
  ],
  shownOnce: ({ webhook_id }) =>
    `the webhook ${String(webhook_id)} was made, and its secret is shown once; POST /webhooks/${String(webhook_id)}/rotate-secret makes a new one; if the webhook is gone, make another one under another key`,
  async handle(services, { body, caller, context }) {
    const { db, webhooks, limits } = services
    if (webhooks.box === null) return webhooksUnavailable
    const url = await readTarget(services, body.url)
    if (typeof url !== "string") return url
    const { ledgerId } = caller
    const given = body.after === undefined ? null : { field: "after", position: body.after }
    const after = given === null ? null : startAfter(given, (await readHead(db, ledgerId)).position)
    if (after !== null && typeof after !== "bigint") return after
    const settings = {
      url,
      description: body.description,
      types: body.types,
      userId: body.user_id,
      tokenSymbol: body.token_symbol,
      chainId: body.chain_id,
      isEnabled: body.is_enabled,
    }
    const actor = { ledgerId, initiator: initiatorOf(services, context, caller) }
    const { webhooksMax } = limits
    const made = await createWebhook(db, webhooks.box, actor, settings, { after, webhooksMax })
    if (made === "too many")
      return refuse(
        "TOO_MANY_WEBHOOKS",
        null,
        `an app may have ${webhooksMax} webhooks; delete one that is not needed`,
      )
    services.logger.info({ actor: caller.actor, webhook: made.row.endpoint_id }, "a webhook was made")
    return { data: { ...presentWebhook(made.row), secret: made.secret } }
  },
})
