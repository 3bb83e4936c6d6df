import { z } from "@hono/zod-openapi"
import { initiatorOf } from "../identity/initiator.ts"
import { abandonImport } from "../imports/import-store.ts"
import { importSchema, presentImport } from "../presenters/import.ts"
import { refuse } from "../refusal.ts"
import { defineRoute } from "../route.ts"
import { importIdSchema } from "../validation/schemas.ts"

export const abandonImportRoute = defineRoute({
  method: "post",
  path: "/imports/{import_id}/abandon",
  tag: "Ledger",
  summary: "Give up an import that has failed, and clear its alarm; what is recorded stays",
  permission: "imports.abandon",
  params: z.object({ import_id: importIdSchema }),
  answer: importSchema,
  refusals: ["UNKNOWN_IMPORT", "IMPORT_NOT_FAILED"],
  async handle(services, { params, caller, context }) {
    const initiator = initiatorOf(services, context, caller)
    const row = await abandonImport(services.db, caller.ledgerId, params.import_id, initiator)
    if (row === undefined)
      return refuse("UNKNOWN_IMPORT", "import_id", "use an import_id of POST /imports, unchanged")
    if (row.state !== "abandoned") {
      const message = `the import is ${row.state}; only one that has failed can be given up`
      return refuse("IMPORT_NOT_FAILED", "import_id", message)
    }
    return { data: presentImport(row) }
  },
})
