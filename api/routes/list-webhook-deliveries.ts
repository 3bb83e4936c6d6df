import { z } from "@hono/zod-openapi"
import { deliverySchema, deliveryStatusSchema, presentDelivery } from "../presenters/webhook.ts"
import { readDeliveries } from "../queries/webhook-deliveries.ts"
import { defineRoute } from "../route.ts"
import { decodeCursor, paginate } from "../validation/cursor.ts"
import { cursorParameter, limitParameter, paginationSchema } from "../validation/schemas.ts"
import { webhookParams } from "../validation/webhook-schemas.ts"
import { unknownWebhook } from "../webhooks/refuse-webhook.ts"
import { readWebhooks } from "../webhooks/webhook-store.ts"

const attemptsShown = 3

export const listWebhookDeliveries = defineRoute({
  method: "get",
  path: "/webhooks/{webhook_id}/deliveries",
  tag: "Live updates",
  summary: "What became of a webhook's deliveries, newest first",
  permission: "webhooks.read",
  params: webhookParams,
  query: z.strictObject({
    status: deliveryStatusSchema.optional(),
    limit: limitParameter,
    cursor: cursorParameter,
  }),
  answer: z.object({ deliveries: z.array(deliverySchema), pagination: paginationSchema }),
  refusals: ["UNKNOWN_WEBHOOK", "INVALID_CURSOR"],
  async handle(services, { params: { webhook_id: endpointId }, query, caller }) {
    const cursor = decodeCursor("deliveries", query.cursor)
    if ("refused" in cursor) return cursor
    const [webhook] = await readWebhooks(services.db, caller.ledgerId, { endpointId, limit: 1 })
    if (webhook === undefined) return unknownWebhook
    const { status, limit } = query
    const only = { status, before: cursor.position, limit: limit + 1, attempts: attemptsShown }
    const rows = await readDeliveries(services.db, endpointId, only)
    const { page, pagination } = paginate(rows, limit, "deliveries", (row) => row.delivery_id)
    return { data: { deliveries: page.map(presentDelivery), pagination } }
  },
})
