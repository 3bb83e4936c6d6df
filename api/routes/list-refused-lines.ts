import { z } from "@hono/zod-openapi"
import { csvLine } from "../../platform/csv.ts"
import { readImport } from "../imports/import-store.ts"
import { commonHeaders } from "../middleware/respond.ts"
import { type ImportRefusal, readImportRefusals } from "../queries/import-refusals.ts"
import { refuse } from "../refusal.ts"
import { defineRoute } from "../route.ts"
import { streamPages } from "../stream-pages.ts"
import { importIdSchema } from "../validation/schemas.ts"

const pageLines = 1_000

export const listRefusedLines = defineRoute({
  method: "get",
  path: "/imports/{import_id}/refused",
  tag: "Ledger",
  summary: "The lines of an import that were refused, with their numbers and reasons, as NDJSON or CSV",
  permission: "imports.read",
  params: z.object({ import_id: importIdSchema }),
  query: z.strictObject({ format: z.enum(["ndjson", "csv"]).default("ndjson") }),
  answer: null,
  answerHeaders: {
    "X-Refused-Lines": {
      description:
        "All of them at the moment of the answer, also those that are not kept; of an import that is running there may be more",
      schema: { type: "string" },
    },
  },
  stream: {
    contentType: ["application/x-ndjson", "text/csv"],
    description: "One line each: `line`, `code`, `field`, `message`",
  },
  refusals: ["UNKNOWN_IMPORT"],
  async handle(services, { params, query, caller, context }) {
    const row = await readImport(services.db, caller.ledgerId, params.import_id)
    if (row === undefined)
      return refuse("UNKNOWN_IMPORT", "import_id", "use an import_id of POST /imports, unchanged")
    const isCsv = query.format === "csv"
    const format = isCsv ? toCsv : toNdjson
    let heading = isCsv ? csvLine(["line", "code", "field", "message"]) : ""
    let afterLine = 0n
    const stream = streamPages(services, context, async () => {
      const page = await readImportRefusals(services.db, row, afterLine, pageLines)
      const last = page.at(-1)
      const lines = heading + page.map(format).join("")
      heading = ""
      if (last !== undefined) afterLine = last.line
      return lines === "" ? null : lines
    })
    return new Response(stream, {
      headers: {
        ...commonHeaders,
        "content-type": `${isCsv ? "text/csv" : "application/x-ndjson"}; charset=utf-8`,
        "cache-control": "no-store",
        "x-request-id": context.var.requestId,
        // All of them are counted; those beyond the limit of the configuration are not kept.
        "x-refused-lines": String(row.refused),
      },
    })
  },
})

function toNdjson({ line, code, field, message }: ImportRefusal): string {
  return `${JSON.stringify({ line: Number(line), code, field, message })}\n`
}

function toCsv({ line, code, field, message }: ImportRefusal): string {
  return csvLine([String(line), code, field ?? "", message])
}
