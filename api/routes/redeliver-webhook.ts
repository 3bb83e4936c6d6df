import { initiatorOf } from "../identity/initiator.ts"
import { deliverySchema, presentDelivery } from "../presenters/webhook.ts"
import { readDeliveries } from "../queries/webhook-deliveries.ts"
import { defineRoute } from "../route.ts"
import { deliveryParams } from "../validation/webhook-schemas.ts"
import { disabledWebhook, unknownDelivery, unknownWebhook } from "../webhooks/refuse-webhook.ts"
import { requestRedelivery } from "../webhooks/webhook-store.ts"

export const redeliverWebhook = defineRoute({
  method: "post",
  path: "/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver",
  tag: "Live updates",
  summary: "Deliver once more, with the same message id; one that is being retried, at once",
  permission: "webhooks.manage",
  params: deliveryParams,
  answer: deliverySchema,
  answerStatus: 202,
  refusals: ["UNKNOWN_WEBHOOK", "UNKNOWN_DELIVERY", "WEBHOOK_DISABLED"],
  async handle(services, { params: { webhook_id: endpointId, delivery_id }, caller, context }) {
    const deliveryId = BigInt(delivery_id)
    const actor = { ledgerId: caller.ledgerId, initiator: initiatorOf(services, context, caller) }
    switch (await requestRedelivery(services.db, actor, endpointId, deliveryId)) {
      case "unknown":
        return unknownWebhook
      case "unknown delivery":
        return unknownDelivery
      case "disabled":
        return disabledWebhook
      case "requested": {
        const [row] = await readDeliveries(services.db, endpointId, { deliveryId, limit: 1, attempts: 3 })
        return row === undefined ? unknownDelivery : { status: 202, data: presentDelivery(row) }
      }
    }
  },
})
