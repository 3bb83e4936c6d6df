import { z } from "@hono/zod-openapi"
import { findOperations } from "../../ledger/store/find-operations.ts"
import { changeSchema, presentChange } from "../presenters/change.ts"
import { type OperationCounts, readOperationChanges } from "../queries/changes.ts"
import { refuse } from "../refusal.ts"
import { defineRoute } from "../route.ts"
import { decodeCursor, paginate } from "../validation/cursor.ts"
import {
  cursorParameter,
  limitParameter,
  operationIdSchema,
  paginationSchema,
  sequenceParameter,
  timeAnswer,
} from "../validation/schemas.ts"

const statusSchema = z.enum(["recorded", "partly_confirmed", "confirmed", "attention"])

export const getOperation = defineRoute({
  method: "get",
  path: "/operations/{operation_id}",
  tag: "Ledger",
  summary: "One operation with the fate of each of its adjustments",
  permission: "ledger.read",
  params: z.object({ operation_id: operationIdSchema }),
  query: z.strictObject({
    sequence: sequenceParameter.default(0),
    limit: limitParameter,
    cursor: cursorParameter,
  }),
  answer: z.object({
    operation_id: z.string(),
    sequence: z.int(),
    status: statusSchema,
    recorded_at: timeAnswer,
    position: z.string(),
    adjustments_count: z.int(),
    status_counts: z.record(z.string(), z.int()).openapi({ description: "Adjustments by status" }),
    transactions: z.array(changeSchema),
    pagination: paginationSchema,
  }),
  refusals: ["UNKNOWN_OPERATION", "INVALID_CURSOR"],
  async handle(services, { params, query, caller }) {
    const { ledgerId } = caller
    const cursor = decodeCursor("operation", query.cursor)
    if ("refused" in cursor) return cursor
    const key = { operationId: params.operation_id, sequence: query.sequence }
    const [operation] = await findOperations(services.db, ledgerId, [key])
    if (operation === undefined) {
      return refuse(
        "UNKNOWN_OPERATION",
        "operation_id",
        `nothing is recorded under this operation_id with sequence ${query.sequence}; a request that failed may be sent again`,
      )
    }
    const [registry, { counts, rows }] = await Promise.all([
      services.registry.current(),
      readOperationChanges(services.reads, ledgerId, operation, cursor.position, query.limit + 1),
    ])
    const { page, pagination } = paginate(rows, query.limit, "operation", (row) => row.position)
    return {
      data: {
        operation_id: operation.operationId,
        sequence: operation.sequence,
        status: statusOf(counts),
        recorded_at: operation.recordedAt.toISOString(),
        position: operation.lastPosition.toString(),
        adjustments_count: counts.total,
        status_counts: Object.fromEntries(counts.statuses),
        transactions: page.map((row) => presentChange(registry, ledgerId, row)),
        pagination,
      },
    }
  },
})

function statusOf({ statuses, total, done }: OperationCounts): z.infer<typeof statusSchema> {
  if (statuses.has("failed")) return "attention"
  // A hold that was placed or released has nothing to settle.
  if (total === 0) return "recorded"
  if (done === total) return "confirmed"
  return done > 0 ? "partly_confirmed" : "recorded"
}
