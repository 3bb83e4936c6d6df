import { z } from "@hono/zod-openapi"
import { priorities } from "../../ledger/domain/priority.ts"
import { adjustmentSchema } from "./adjustment-schemas.ts"
import {
  businessBatchIdSchema,
  operationIdSchema,
  sequenceSchema,
  timeParameter,
  unsignedAmountSchema,
} from "./schemas.ts"

/** The key, as every write may name it in its body. */
export const keyFields = { operation_id: operationIdSchema.optional(), sequence: sequenceSchema.optional() }

/** What is said in free words, and can be erased. */
export const detailsFields = {
  reason_detail: adjustmentSchema.shape.reason_detail,
  metadata: adjustmentSchema.shape.metadata,
}

const secondsMax = 10 * 365 * 86_400

export const placeHoldBodySchema = z.strictObject({
  ...keyFields,
  priority: z.enum(priorities).default("normal"),
  batch_id: businessBatchIdSchema.optional(),
  ...adjustmentSchema.shape,
  amount: unsignedAmountSchema,
  expires_in: z
    .int("use a whole number of seconds")
    .min(1, "use at least 1 second")
    .max(secondsMax, "use fewer seconds")
    .optional()
    .openapi({ description: "Seconds from its recording on; the configuration's default, unless given" }),
  expires_at: timeParameter.optional().openapi({ description: "Instead of expires_in" }),
})

export const captureHoldBodySchema = z.strictObject({
  ...keyFields,
  amount: unsignedAmountSchema.optional().openapi({
    description: "All of it, unless given; the rest is released",
  }),
  ...detailsFields,
})

export const releaseHoldBodySchema = z.strictObject(keyFields)

export const holdIdSchema = z.string().openapi({ example: "hold_EjRWeBI0VngSNFZ4EjRWeAAAAAAAAtCT" })
