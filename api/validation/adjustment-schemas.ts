import { z } from "@hono/zod-openapi"
import { priorities } from "../../ledger/domain/priority.ts"
import { parseDuration } from "../../platform/config/duration.ts"
import { businessTypes } from "../../platform/config/reason-registry-schema.ts"
import {
  amountSchema,
  businessBatchIdSchema,
  chainIdSchema,
  labelSchema,
  operationIdSchema,
  sequenceSchema,
  tokenSymbolSchema,
  unsignedAmountSchema,
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

/** What every request that adjusts may name beside its adjustments. */
const operationFields = {
  operation_id: operationIdSchema.optional(),
  sequence: sequenceSchema.optional(),
  batch_id: businessBatchIdSchema.optional(),
}

const prioritySchema = z.enum(priorities).default("normal")

function listOf<Item extends z.ZodType>(item: Item, what: string) {
  return z
    .array(item)
    .min(1, `send at least one ${what}`)
    .max(10_000, `send at most 10,000 ${what}s; split the request`)
    .openapi({ description: "All or none, decided in this order" })
}

export const adjustBalanceBodySchema = z.strictObject({
  ...operationFields,
  priority: prioritySchema,
  adjustments: listOf(adjustmentSchema, "adjustment"),
})

const waitMsMax = 30 * 86_400_000
const waitMessage = 'write a duration such as "30s", "15m" or "2h", at most "30d"'

const waitSchema = z
  .string()
  .transform((text, context) => {
    const milliseconds = parseDuration(text)
    if (milliseconds !== undefined && milliseconds <= waitMsMax) return milliseconds
    context.addIssue({ code: "custom", message: waitMessage })
    return z.NEVER
  })
  .openapi({
    type: "string",
    example: "15m",
    description: "May only shorten the wait that the token's batch strategy allows",
  })

export const adjustAssetsBodySchema = z
  .strictObject({
    ...operationFields,
    batch_preference: z
      .strictObject({
        priority: prioritySchema,
        max_wait_time: waitSchema.optional(),
        force_immediate: z.boolean().default(false),
      })
      .default({ priority: "normal", force_immediate: false }),
    adjustments: listOf(
      adjustmentSchema.extend({
        business_type: z
          .enum(businessTypes)
          .optional()
          .openapi({ description: "That of the reason, unless named" }),
      }),
      "adjustment",
    ),
  })
  .openapi({
    example: {
      operation_id: "check_ins_20241215",
      adjustments: [
        {
          user_id: "user_123",
          token_symbol: "CPOP",
          amount: "+100.0",
          business_type: "reward",
          reason_type: "daily_checkin",
          reason_detail: "Seventh day in a row",
          metadata: { activity_id: "check_in_20241215", streak_days: 7 },
        },
      ],
      batch_preference: { priority: "normal", max_wait_time: "15m", force_immediate: false },
    },
  })

/** The token stands once for the whole request. */
const tokenFields = { token_symbol: tokenSymbolSchema, chain_id: chainIdSchema.optional() }

export const distributeRewardsBodySchema = z
  .strictObject({
    ...operationFields,
    priority: prioritySchema,
    reward_batch: z.strictObject({
      activity_id: labelSchema,
      reward_type: labelSchema.openapi({
        description: "Also the reason, where one of this name is registered; otherwise that is `reward`",
      }),
      ...tokenFields,
    }),
    recipients: listOf(
      z.strictObject({
        user_id: userIdSchema,
        amount: unsignedAmountSchema,
        tier: labelSchema.optional(),
      }),
      "recipient",
    ),
  })
  .openapi({
    example: {
      operation_id: "check_in_rewards_20241215",
      reward_batch: {
        activity_id: "check_in_20241215",
        reward_type: "daily_checkin",
        token_symbol: "CPOP",
      },
      recipients: [
        { user_id: "user_123", amount: "100.0", tier: "premium" },
        { user_id: "user_456", amount: "50", tier: "basic" },
      ],
    },
  })

export const deductConsumptionBodySchema = z
  .strictObject({
    ...operationFields,
    priority: prioritySchema,
    consumption: z.strictObject({
      service_type: labelSchema.openapi({
        description: "Also the reason, where one of this name is registered; otherwise that is `consumption`",
      }),
      service_id: labelSchema,
      ...tokenFields,
    }),
    deductions: listOf(
      z.strictObject({
        user_id: userIdSchema,
        amount: unsignedAmountSchema,
        reason: adjustmentSchema.shape.reason_detail.openapi({
          description: "What is paid for, in free words: the change's `reason_detail`. Erasable",
        }),
      }),
      "deduction",
    ),
  })
  .openapi({
    example: {
      operation_id: "transfer_fee_4711",
      consumption: { service_type: "gas_fee", service_id: "transfer_4711", token_symbol: "CPOP" },
      deductions: [{ user_id: "user_123", amount: "25.5", reason: "Gas of a transfer" }],
    },
  })
