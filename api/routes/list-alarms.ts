import { z } from "@hono/zod-openapi"
import { alarmSchema, presentAlarm } from "../presenters/alarm.ts"
import { readAlarms } from "../queries/alarms.ts"
import { defineRoute } from "../route.ts"
import { decodeCursor, paginate } from "../validation/cursor.ts"
import { cursorParameter, limitParameter, paginationSchema } from "../validation/schemas.ts"

export const listAlarms = defineRoute({
  method: "get",
  path: "/alarms",
  tag: "System",
  summary: "What a person should know of, newest first: of the app, and of what all apps share",
  permission: "alarms.read",
  query: z.strictObject({
    status: z.enum(["open", "cleared"]).optional(),
    limit: limitParameter,
    cursor: cursorParameter,
  }),
  answer: z.object({ alarms: z.array(alarmSchema), pagination: paginationSchema }),
  refusals: ["INVALID_CURSOR"],
  async handle(services, { query, caller }) {
    const cursor = decodeCursor("alarms", query.cursor)
    if ("refused" in cursor) return cursor
    const isOpen = query.status === undefined ? undefined : query.status === "open"
    const rows = await readAlarms(services.db, caller.ledgerId, isOpen, cursor.position, query.limit + 1)
    const { page, pagination } = paginate(rows, query.limit, "alarms", (row) => row.alarm_sequence)
    return { data: { alarms: page.map(presentAlarm), pagination } }
  },
})
