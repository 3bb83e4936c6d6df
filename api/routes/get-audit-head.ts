import { z } from "@hono/zod-openapi"
import { readCheckpoint } from "../../ledger/audit/read-checkpoints.ts"
import {
  checkpointSchema,
  logHashAnswer,
  positionAnswer,
  presentCheckpoint,
} from "../presenters/checkpoint.ts"
import { readHead } from "../queries/audit-events.ts"
import { defineRoute } from "../route.ts"
import { timeAnswer } from "../validation/schemas.ts"

export const getAuditHead = defineRoute({
  method: "get",
  path: "/audit/head",
  tag: "Reconciliation and audit",
  summary: "Where the event log ends, and the newest signed checkpoint of it",
  permission: "audit.read",
  answer: z.object({
    ledger_id: z.string(),
    position: positionAnswer.openapi({ description: "0 before the first event" }),
    hash: logHashAnswer,
    recorded_at: timeAnswer.nullable().openapi({ description: "Of the last event" }),
    checkpoint: checkpointSchema.nullable(),
  }),
  refusals: [],
  async handle(services, { caller }) {
    const { ledgerId } = caller
    // In this order: no checkpoint says more than the head that was read after it.
    const checkpoint = await readCheckpoint(services.db, ledgerId, "newest")
    const head = await readHead(services.db, ledgerId)
    return {
      data: {
        ledger_id: ledgerId,
        position: head.position.toString(),
        hash: head.hash.toString("hex"),
        recorded_at: head.position === 0n ? null : head.recordedAt.toISOString(),
        checkpoint: checkpoint === null ? null : presentCheckpoint(checkpoint),
      },
    }
  },
})
