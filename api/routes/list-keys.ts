import { z } from "@hono/zod-openapi"
import { listKeys } from "../identity/key-store.ts"
import { apiKeySchema, presentApiKey } from "../presenters/api-key.ts"
import { defineRoute } from "../route.ts"
import { decodeCursor, paginate } from "../validation/cursor.ts"
import { cursorParameter, limitParameter, paginationSchema } from "../validation/schemas.ts"

export const listKeysRoute = defineRoute({
  method: "get",
  path: "/admin/keys",
  tag: "Administration",
  summary: "The app's API keys, newest first, also those that have ended",
  permission: "keys.read",
  query: z.strictObject({ limit: limitParameter, cursor: cursorParameter }),
  answer: z.object({ keys: z.array(apiKeySchema), pagination: paginationSchema }),
  refusals: ["INVALID_CURSOR"],
  async handle(services, { query, caller }) {
    const cursor = decodeCursor("keys", query.cursor)
    if ("refused" in cursor) return cursor
    const rows = await listKeys(services.db, caller.appId, cursor.position, query.limit + 1)
    const { page, pagination } = paginate(rows, query.limit, "keys", (row) => row.ordinal)
    return { data: { keys: page.map((row) => presentApiKey(row)), pagination } }
  },
})
