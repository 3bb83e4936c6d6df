import { z } from "@hono/zod-openapi"
import { redactionSchema } from "../presenters/redaction.ts"
import { decodeRedactionId, encodeRedactionId } from "../presenters/redaction-id.ts"
import { readRedaction } from "../queries/redactions.ts"
import { refuse } from "../refusal.ts"
import { defineRoute } from "../route.ts"

export const getRedaction = defineRoute({
  method: "get",
  path: "/admin/redactions/{redaction_id}",
  tag: "Reconciliation and audit",
  summary: "How far an erasure has come",
  permission: "redactions.read",
  params: z.object({ redaction_id: z.string() }),
  answer: redactionSchema,
  refusals: ["UNKNOWN_REDACTION"],
  async handle(services, { params, caller }) {
    const { ledgerId } = caller
    const position = decodeRedactionId(ledgerId, params.redaction_id)
    const row = position === undefined ? undefined : await readRedaction(services.db, ledgerId, position)
    if (row === undefined || position === undefined)
      return refuse(
        "UNKNOWN_REDACTION",
        "redaction_id",
        "pass a redaction_id of an answer to this app's keys, unchanged",
      )
    return {
      data: {
        redaction_id: encodeRedactionId(ledgerId, position),
        user_id: row.user_id,
        reason: row.reason,
        requested_by: row.requested_by,
        status: row.finished_at === null ? "running" : "complete",
        redacted_events: Number(row.redacted),
        steps: row.steps,
        requested_at: row.requested_at.toISOString(),
        finished_at: row.finished_at?.toISOString() ?? null,
      },
    }
  },
})
