import { z } from "@hono/zod-openapi"
import { sql } from "kysely"
import { type AppRow, appSchema, presentApp } from "../presenters/app.ts"
import { defineRoute } from "../route.ts"
import { decodeCursor, paginate } from "../validation/cursor.ts"
import { cursorParameter, limitParameter, paginationSchema } from "../validation/schemas.ts"

export const listApps = defineRoute({
  method: "get",
  path: "/admin/apps",
  tag: "Administration",
  summary: "The apps that the caller may see, oldest first",
  permission: "apps.read",
  query: z.strictObject({ limit: limitParameter, cursor: cursorParameter }),
  answer: z.object({ apps: z.array(appSchema), pagination: paginationSchema }),
  refusals: ["INVALID_CURSOR"],
  async handle(services, { query, caller }) {
    const cursor = decodeCursor("apps", query.cursor)
    if ("refused" in cursor) return cursor
    const { appIds } = caller
    const { rows } = await sql<AppRow>`
      SELECT app_id, ledger_id, name, created_at, ordinal FROM registry.apps
      WHERE (${appIds}::uuid[] IS NULL OR app_id = ANY(${appIds}::uuid[])) AND ordinal > ${cursor.position ?? 0n}
      ORDER BY ordinal LIMIT ${query.limit + 1}`.execute(services.db)
    const { page, pagination } = paginate(rows, query.limit, "apps", (row) => row.ordinal)
    return { data: { apps: page.map(presentApp), pagination } }
  },
})
