import { z } from "@hono/zod-openapi"
import { presentWebhook, webhookSchema } from "../presenters/webhook.ts"
import { defineRoute } from "../route.ts"
import { decodeCursor, paginate } from "../validation/cursor.ts"
import { cursorParameter, limitParameter, paginationSchema } from "../validation/schemas.ts"
import { readWebhooks } from "../webhooks/webhook-store.ts"

export const listWebhooks = defineRoute({
  method: "get",
  path: "/webhooks",
  tag: "Live updates",
  summary: "The app's webhooks, newest first",
  permission: "webhooks.read",
  query: z.strictObject({ limit: limitParameter, cursor: cursorParameter }),
  answer: z.object({ webhooks: z.array(webhookSchema), pagination: paginationSchema }),
  refusals: ["INVALID_CURSOR"],
  async handle(services, { query, caller }) {
    const cursor = decodeCursor("webhooks", query.cursor)
    if ("refused" in cursor) return cursor
    const only = { before: cursor.position, limit: query.limit + 1 }
    const rows = await readWebhooks(services.db, caller.ledgerId, only)
    const { page, pagination } = paginate(rows, query.limit, "webhooks", (row) => row.ordinal)
    return { data: { webhooks: page.map(presentWebhook), pagination } }
  },
})
