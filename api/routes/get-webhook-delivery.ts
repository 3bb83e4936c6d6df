import { deliverySchema, presentDelivery } from "../presenters/webhook.ts"
import { readDeliveries } from "../queries/webhook-deliveries.ts"
import { defineRoute } from "../route.ts"
import { deliveryParams } from "../validation/webhook-schemas.ts"
import { unknownDelivery, unknownWebhook } from "../webhooks/refuse-webhook.ts"
import { readWebhooks } from "../webhooks/webhook-store.ts"

/** More than the schedule has; redeliveries that were asked for add to it. */
const attemptsShown = 100

export const getWebhookDelivery = defineRoute({
  method: "get",
  path: "/webhooks/{webhook_id}/deliveries/{delivery_id}",
  tag: "Live updates",
  summary: "A delivery with its attempts",
  permission: "webhooks.read",
  params: deliveryParams,
  answer: deliverySchema,
  refusals: ["UNKNOWN_WEBHOOK", "UNKNOWN_DELIVERY"],
  async handle(services, { params: { webhook_id: endpointId, delivery_id }, caller }) {
    const [webhook] = await readWebhooks(services.db, caller.ledgerId, { endpointId, limit: 1 })
    if (webhook === undefined) return unknownWebhook
    const only = { deliveryId: BigInt(delivery_id), limit: 1, attempts: attemptsShown }
    const [row] = await readDeliveries(services.db, endpointId, only)
    return row === undefined ? unknownDelivery : { data: presentDelivery(row) }
  },
})
