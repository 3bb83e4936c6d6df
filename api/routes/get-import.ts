import { z } from "@hono/zod-openapi"
import { readImport } from "../imports/import-store.ts"
import { importSchema, presentImport } from "../presenters/import.ts"
import { refuse } from "../refusal.ts"
import { defineRoute } from "../route.ts"
import { importIdSchema } from "../validation/schemas.ts"

export const getImport = defineRoute({
  method: "get",
  path: "/imports/{import_id}",
  tag: "Ledger",
  summary: "How far an import is: lines applied, replayed and refused",
  permission: "imports.read",
  params: z.object({ import_id: importIdSchema }),
  answer: importSchema,
  refusals: ["UNKNOWN_IMPORT"],
  async handle(services, { params, caller }) {
    const row = await readImport(services.db, caller.ledgerId, params.import_id)
    if (row === undefined)
      return refuse("UNKNOWN_IMPORT", "import_id", "use an import_id of POST /imports, unchanged")
    return { data: presentImport(row) }
  },
})
