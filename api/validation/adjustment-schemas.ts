import { z } from "@hono/zod-openapi"
import { priorities } from "../../ledger/domain/priority.ts"
import {
  amountSchema,
  businessBatchIdSchema,
  chainIdSchema,
  operationIdSchema,
  sequenceSchema,
  tokenSymbolSchema,
  userIdSchema,
} from "./schemas.ts"

const metadataEntriesMax = 50
const metadataLengthMax = 4_096

export const adjustmentSchema = z.strictObject({
  user_id: userIdSchema,
  token_symbol: tokenSymbolSchema,
  chain_id: chainIdSchema.optional(),
  amount: amountSchema,
  reason_type: z
    .string()
    .regex(/^[a-z][a-z0-9_]{0,63}$/, "use a registered reason; GET /reasons lists them")
    .openapi({ example: "reward" }),
  reason_detail: z.string().max(500, "use at most 500 characters").optional(),
  metadata: z
    .record(z.string(), z.unknown())
    .refine((metadata) => Object.keys(metadata).length <= metadataEntriesMax, "use at most 50 entries")
    .refine(
      (metadata) => JSON.stringify(metadata).length <= metadataLengthMax,
      "keep the metadata below 4096 characters of JSON",
    )
    .optional(),
})

export const adjustBalanceBodySchema = z.strictObject({
  operation_id: operationIdSchema.optional(),
  sequence: sequenceSchema.optional(),
  priority: z.enum(priorities).default("normal"),
  batch_id: businessBatchIdSchema.optional(),
  adjustments: z
    .array(adjustmentSchema)
    .min(1, "send at least one adjustment")
    .max(10_000, "send at most 10,000 adjustments; split the request")
    .openapi({ description: "All or none, decided in this order" }),
})
