import { z } from "@hono/zod-openapi"
import type { ImportRow } from "../imports/import-store.ts"
import { timeAnswer } from "../validation/schemas.ts"

const count = z.int().nonnegative()

export const importSchema = z.object({
  import_id: z.string(),
  operation_id: z.string().openapi({
    description:
      "Lines without an operation_id of their own are recorded under it, with their line number as the sequence",
  }),
  state: z.enum(["received", "running", "finished", "failed", "abandoned"]),
  format: z.enum(["csv", "ndjson"]),
  file_name: z.string().nullable(),
  received_at: timeAnswer,
  started_at: timeAnswer.nullable(),
  finished_at: timeAnswer.nullable(),
  bytes: z.object({ total: count, done: count }),
  lines: z.object({
    done: count.openapi({ description: "Lines that are settled: applied, replayed and refused" }),
    applied: count.openapi({ description: "Recorded by this import" }),
    replayed: count.openapi({ description: "Recorded before, under the operation_id that the line names" }),
    refused: count.openapi({ description: "Not recorded; GET /imports/{import_id}/refused says why" }),
  }),
  error: z
    .string()
    .nullable()
    .openapi({ description: "Why it failed; the same file sent again has it go on" }),
})

export type PresentedImport = z.infer<typeof importSchema>

export function presentImport(row: ImportRow): PresentedImport {
  const { state, received_at: receivedAt } = row
  if (state === "receiving" || receivedAt === null)
    throw new TypeError("an import that is not received is shown to nobody")
  return {
    import_id: row.import_id,
    operation_id: row.operation_id ?? "",
    state,
    format: row.format,
    file_name: row.file_name,
    received_at: receivedAt.toISOString(),
    started_at: row.started_at?.toISOString() ?? null,
    finished_at: row.finished_at?.toISOString() ?? null,
    bytes: { total: Number(row.bytes), done: Number(row.next_byte) },
    lines: {
      done: Number(row.applied + row.replayed + row.refused),
      applied: Number(row.applied),
      replayed: Number(row.replayed),
      refused: Number(row.refused),
    },
    error: row.error,
  }
}
