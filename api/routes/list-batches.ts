import { z } from "@hono/zod-openapi"
import { matchTokenIds } from "../ledger/resolve-token.ts"
import { batchSchema, batchStatusSchema, presentBatch } from "../presenters/batch.ts"
import { readBatches } from "../queries/batches.ts"
import { refuseAll } from "../refusal.ts"
import { defineRoute } from "../route.ts"
import { decodeCursor, paginate } from "../validation/cursor.ts"
import {
  chainIdParameter,
  cursorParameter,
  limitParameter,
  paginationSchema,
  tokenSymbolSchema,
} from "../validation/schemas.ts"

export const listBatches = defineRoute({
  method: "get",
  path: "/batches",
  tag: "Settlement",
  summary: "Batches, newest first",
  permission: "settlement.read",
  query: z.strictObject({
    token_symbol: tokenSymbolSchema.optional(),
    chain_id: chainIdParameter.optional(),
    status: batchStatusSchema.optional(),
    limit: limitParameter,
    cursor: cursorParameter,
  }),
  answer: z.object({ batches: z.array(batchSchema), pagination: paginationSchema }),
  refusals: ["UNKNOWN_TOKEN", "INVALID_CURSOR"],
  async handle(services, { query, caller }) {
    const cursor = decodeCursor("batches", query.cursor)
    if ("refused" in cursor) return cursor
    const registry = await services.registry.current()
    const matched = matchTokenIds(registry, query.token_symbol, query.chain_id)
    if ("code" in matched) return refuseAll([matched])
    const rows = await readBatches(
      services.db,
      caller.ledgerId,
      { ...matched, status: query.status },
      cursor.position,
      query.limit + 1,
    )
    const { page, pagination } = paginate(rows, query.limit, "batches", (row) => row.batch_sequence)
    return { data: { batches: page.map((row) => presentBatch(registry, row)), pagination } }
  },
})
