import { z } from "@hono/zod-openapi"
import { listPeople as readPeople } from "../identity/person-store.ts"
import { personSchema, presentPerson } from "../presenters/person.ts"
import { defineRoute } from "../route.ts"
import { decodeCursor, paginate } from "../validation/cursor.ts"
import { cursorParameter, limitParameter, paginationSchema } from "../validation/schemas.ts"

export const listPeople = defineRoute({
  method: "get",
  path: "/admin/people",
  tag: "Administration",
  summary: "Everybody who may sign in, newest first, with roles",
  permission: "people.read",
  query: z.strictObject({ limit: limitParameter, cursor: cursorParameter }),
  answer: z.object({ people: z.array(personSchema), pagination: paginationSchema }),
  refusals: ["INVALID_CURSOR"],
  async handle(services, { query }) {
    const cursor = decodeCursor("people", query.cursor)
    if ("refused" in cursor) return cursor
    const rows = await readPeople(services.db, cursor.position, query.limit + 1)
    const { page, pagination } = paginate(rows, query.limit, "people", (row) => row.ordinal)
    return { data: { people: page.map(presentPerson), pagination } }
  },
})
