import { z } from "@hono/zod-openapi"
import type { RecordedOperation } from "../../ledger/store/read-operation.ts"
import { timeAnswer } from "../validation/schemas.ts"
import type { Answer } from "./envelope.ts"
import { encodeRedactionId } from "./redaction-id.ts"

const statusSchema = z.enum(["complete", "running"])

export const redactionAnswerSchema = z.object({
  redaction_id: z.string().nullable().openapi({ description: "null where there was nothing to erase" }),
  operation_id: z.string().nullable(),
  sequence: z.int().nullable(),
  position: z.string().nullable(),
  user_id: z.string().nullable(),
  status: statusSchema.openapi({
    description: "running: there is more than one answer can wait for, and the worker goes on with it",
  }),
  redacted_events: z.int().openapi({ description: "Events whose details this answer's commit has erased" }),
})

type Context = { readonly user_id: string | null; readonly status: z.infer<typeof statusSchema> }

export function presentRedactionStep(ledgerId: string, operation: RecordedOperation): Answer {
  const context = operation.answerContext as Context
  const data: z.infer<typeof redactionAnswerSchema> = {
    redaction_id: encodeRedactionId(ledgerId, operation.position),
    operation_id: operation.operationId,
    sequence: operation.sequence,
    position: operation.position.toString(),
    user_id: context.user_id,
    status: context.status,
    redacted_events: operation.redactedEvents,
  }
  return { status: 202, data }
}

/** Nothing was recorded, and the key is free. */
export function presentNothingRedacted(userId: string | null): Answer {
  const nothing = { redaction_id: null, operation_id: null, sequence: null, position: null }
  return { status: 202, data: { ...nothing, user_id: userId, status: "complete", redacted_events: 0 } }
}

export const redactionSchema = z.object({
  redaction_id: z.string(),
  user_id: z.string().nullable(),
  reason: z.string(),
  requested_by: z.string(),
  status: statusSchema,
  redacted_events: z.int().openapi({ description: "So far" }),
  steps: z.int(),
  requested_at: timeAnswer,
  finished_at: timeAnswer.nullable(),
})
