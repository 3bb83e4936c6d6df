import { initiatorOf } from "../identity/initiator.ts"
import { deliverySchema, presentDelivery } from "../presenters/webhook.ts"
import { readDeliveries } from "../queries/webhook-deliveries.ts"
import { defineRoute } from "../route.ts"
import { webhookParams } from "../validation/webhook-schemas.ts"
import { disabledWebhook, unknownDelivery, unknownWebhook } from "../webhooks/refuse-webhook.ts"
import { requestTest } from "../webhooks/webhook-store.ts"

export const testWebhook = defineRoute({
  method: "post",
  path: "/webhooks/{webhook_id}/test",
  tag: "Live updates",
  summary: "Send a message of the type webhook.test, once; GET its delivery to see what became of it",
  permission: "webhooks.manage",
  params: webhookParams,
  answer: deliverySchema,
  answerStatus: 202,
  refusals: ["UNKNOWN_WEBHOOK", "WEBHOOK_DISABLED"],
  async handle(services, { params: { webhook_id: endpointId }, caller, context }) {
    const actor = { ledgerId: caller.ledgerId, initiator: initiatorOf(services, context, caller) }
    const deliveryId = await requestTest(services.db, actor, endpointId)
    if (deliveryId === "unknown") return unknownWebhook
    if (deliveryId === "disabled") return disabledWebhook
    const [row] = await readDeliveries(services.db, endpointId, { deliveryId, limit: 1, attempts: 1 })
    return row === undefined ? unknownDelivery : { status: 202, data: presentDelivery(row) }
  },
})
