import { z } from "@hono/zod-openapi"
import { createReason } from "../../ledger/registry/create-entry.ts"
import { reasonDocumentSchema, reasonTypeSchema } from "../../platform/config/reason-registry-schema.ts"
import { answerCreated } from "../administration/answer-created.ts"
import { initiatorOf } from "../identity/initiator.ts"
import { changedEntrySchema } from "../presenters/registry-entry.ts"
import { defineRoute } from "../route.ts"
import { changeReasonSchema, dryRunQuery } from "../validation/registry-schemas.ts"

export const createReasonRoute = defineRoute({
  method: "post",
  path: "/admin/reasons",
  tag: "Registry",
  summary: "Register a reason for which balances may change",
  permission: "registry.manage",
  query: dryRunQuery,
  body: z.strictObject({
    // A copy: the schema itself may have been made before there was an openapi().
    reason_type: reasonTypeSchema.clone().openapi({ example: "tournament_prize" }),
    reason: changeReasonSchema,
    document: reasonDocumentSchema,
  }),
  answer: changedEntrySchema,
  refusals: ["ENTRY_EXISTS", "VERSION_CONFLICT"],
  async handle(services, { query, body, caller, context }) {
    const isDryRun = query.dry_run === "true"
    const entry = { reason: body.reason, isDryRun, initiator: initiatorOf(services, context, caller) }
    const created = await createReason(services.db, body.reason_type, body.document, entry)
    return answerCreated(services, caller, created, isDryRun)
  },
})
