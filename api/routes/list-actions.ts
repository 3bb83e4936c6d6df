import { z } from "@hono/zod-openapi"
import { type ActionRow, actionSchema, presentAction } from "../presenters/action.ts"
import { readActions } from "../queries/actions.ts"
import { defineRoute } from "../route.ts"
import { decodeCursor, paginate } from "../validation/cursor.ts"
import { cursorParameter, limitParameter, paginationSchema, timeParameter } from "../validation/schemas.ts"

export const listActions = defineRoute({
  method: "get",
  path: "/admin/audit-log",
  tag: "Administration",
  summary: "Who did what to the app, newest first; with an installation's rights also what concerns all apps",
  permission: "actions.read",
  query: z.strictObject({
    actor: z
      .string()
      .regex(
        /^(key|person|command|database):[^\p{C}]{1,128}$/u,
        "use an actor of the log, such as person:<person_id>",
      )
      .optional(),
    action: z
      .string()
      .regex(/^[a-z_]+\.[a-z_]+$/, "use an action of the log, such as key.created")
      .optional()
      .openapi({ example: "key.created" }),
    from_date: timeParameter.optional(),
    to_date: timeParameter.optional(),
    limit: limitParameter,
    cursor: cursorParameter,
  }),
  answer: z.object({ entries: z.array(actionSchema), pagination: paginationSchema }),
  refusals: ["INVALID_CURSOR"],
  async handle(services, { query, caller }) {
    const cursor = decodeCursor("actions", query.cursor)
    if ("refused" in cursor) return cursor
    const rows: readonly ActionRow[] = await readActions(services.db, {
      ledgerId: caller.ledgerId,
      isWithInstallation: caller.permissions.has("people.read"),
      actor: query.actor,
      action: query.action,
      from: query.from_date,
      to: query.to_date,
      before: cursor.position,
      limit: query.limit + 1,
    })
    const { page, pagination } = paginate(rows, query.limit, "actions", (row) => row.entry_id)
    return { data: { entries: page.map(presentAction), pagination } }
  },
})
