import { z } from "@hono/zod-openapi"
import { readCheckpointsBefore } from "../../ledger/audit/read-checkpoints.ts"
import { checkpointSchema, presentCheckpoint } from "../presenters/checkpoint.ts"
import { defineRoute } from "../route.ts"
import { decodeCursor, paginate } from "../validation/cursor.ts"
import { cursorParameter, limitParameter, paginationSchema } from "../validation/schemas.ts"

export const listCheckpoints = defineRoute({
  method: "get",
  path: "/audit/checkpoints",
  tag: "Reconciliation and audit",
  summary: "Signed checkpoints of the event log, newest first",
  permission: "audit.read",
  query: z.strictObject({ limit: limitParameter, cursor: cursorParameter }),
  answer: z.object({ checkpoints: z.array(checkpointSchema), pagination: paginationSchema }),
  refusals: ["INVALID_CURSOR"],
  async handle(services, { query, caller }) {
    const cursor = decodeCursor("checkpoints", query.cursor)
    if ("refused" in cursor) return cursor
    const rows = await readCheckpointsBefore(services.db, caller.ledgerId, cursor.position, query.limit + 1)
    const { page, pagination } = paginate(rows, query.limit, "checkpoints", (row) => row.checkpoint.treeSize)
    return { data: { checkpoints: page.map(presentCheckpoint), pagination } }
  },
})
