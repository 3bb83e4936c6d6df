import { initiatorOf } from "../identity/initiator.ts"
import { presentWebhook, rotatedWebhookSchema } from "../presenters/webhook.ts"
import { defineRoute } from "../route.ts"
import { overlapSchema, webhookParams } from "../validation/webhook-schemas.ts"
import { unknownWebhook } from "../webhooks/refuse-webhook.ts"
import { webhooksUnavailable } from "../webhooks/webhook-settings.ts"
import { rotateWebhookSecret } from "../webhooks/webhook-store.ts"

export const rotateWebhookSecretRoute = defineRoute({
  method: "post",
  path: "/webhooks/{webhook_id}/rotate-secret",
  tag: "Live updates",
  summary: "Make a new secret; for a while the old one signs as well",
  permission: "webhooks.manage",
  params: webhookParams,
  body: overlapSchema,
  isBodyOptional: true,
  answer: rotatedWebhookSchema,
  refusals: ["UNKNOWN_WEBHOOK", "WEBHOOKS_UNAVAILABLE"],
  shownOnce: ({ webhook_id }) =>
    `the secret was rotated, and the new one is shown once; POST /webhooks/${String(webhook_id)}/rotate-secret, under another key, makes a new one`,
  async handle(services, { params, body, caller, context }) {
    const { box } = services.webhooks
    if (box === null) return webhooksUnavailable
    const actor = { ledgerId: caller.ledgerId, initiator: initiatorOf(services, context, caller) }
    const overlapMs = body.overlap_seconds * 1_000
    const rotated = await rotateWebhookSecret(services.db, box, actor, params.webhook_id, overlapMs)
    if (rotated === undefined) return unknownWebhook
    const { row, secret, overlapEndsAt } = rotated
    services.logger.info({ actor: caller.actor, webhook: row.endpoint_id }, "a webhook's secret was rotated")
    return { data: { ...presentWebhook(row), secret, overlap_ends_at: overlapEndsAt.toISOString() } }
  },
})
