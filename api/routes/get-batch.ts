import { z } from "@hono/zod-openapi"
import { batchSchema, cpopInfoSchema, presentBatch, presentCpopInfo } from "../presenters/batch.ts"
import { changeSchema, presentChange } from "../presenters/change.ts"
import { readBatchChanges } from "../queries/batches.ts"
import { refuse } from "../refusal.ts"
import { defineRoute } from "../route.ts"
import { decodeCursor, paginate } from "../validation/cursor.ts"
import { cursorParameter, limitParameter, paginationSchema } from "../validation/schemas.ts"

export const getBatch = defineRoute({
  method: "get",
  path: "/batches/{batch_id}",
  tag: "Settlement",
  summary: "One batch with its gas and the adjustments that it folds",
  permission: "settlement.read",
  params: z.object({ batch_id: z.string().openapi({ example: `0x${"0".repeat(63)}1` }) }),
  query: z.strictObject({ limit: limitParameter, cursor: cursorParameter }),
  answer: batchSchema.extend({
    cpop_info: cpopInfoSchema,
    adjustments: z.array(changeSchema),
    pagination: paginationSchema,
  }),
  refusals: ["UNKNOWN_BATCH", "INVALID_CURSOR"],
  async handle(services, { params, query, caller }) {
    const { ledgerId } = caller
    const cursor = decodeCursor("batch-items", query.cursor)
    if ("refused" in cursor) return cursor
    const batchId = params.batch_id.toLowerCase()
    const isWellFormed = /^0x[0-9a-f]{64}$/.test(batchId)
    const read = isWellFormed
      ? await readBatchChanges(services.reads, ledgerId, batchId, cursor.position, query.limit + 1)
      : undefined
    if (read === undefined)
      return refuse("UNKNOWN_BATCH", "batch_id", "pass a batch_id of GET /batches, 0x and 64 hex digits")
    const { batch, operationType, changes } = read
    const registry = await services.registry.current()
    const { page, pagination } = paginate(changes, query.limit, "batch-items", (row) => row.position)
    return {
      data: {
        ...presentBatch(registry, batch),
        cpop_info: presentCpopInfo(operationType),
        adjustments: page.map((row) => presentChange(registry, ledgerId, row)),
        pagination,
      },
    }
  },
})
