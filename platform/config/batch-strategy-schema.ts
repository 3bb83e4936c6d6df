import { z } from "zod"
import {
  congestionDefaults,
  congestionOfChain,
  congestionRulesSchema,
  findContradictions,
} from "./congestion-schema.ts"
import { durationSchema } from "./duration.ts"

export const percent = z.number().min(0).max(100)
// The contract's gas limit bounds a batch; 500 is the most that any strategy may ask for.
export const batchSize = z.int().min(1).max(500)

export const strategyName = z.enum(["adaptive", "cost"])

const costSizes = z
  .strictObject({
    wanted_size_min: batchSize,
    wanted_size_max: batchSize,
    max_batch_size: batchSize,
    worthwhile_saving_percent: z.number().min(0).max(50),
  })
  .refine((value) => value.wanted_size_min <= value.wanted_size_max, {
    path: ["wanted_size_min"],
    message: "at most wanted_size_max",
  })
  .refine((value) => value.wanted_size_max <= value.max_batch_size, {
    path: ["wanted_size_max"],
    message: "at most max_batch_size",
  })

const costDefaults: z.infer<typeof costSizes> = {
  wanted_size_min: 100,
  wanted_size_max: 250,
  max_batch_size: 500,
  worthwhile_saving_percent: 1,
}

export const amountText = z
  .string()
  .regex(/^\d{1,59}(\.\d{1,36})?$/, "a decimal amount in token units, as text")

const chainId = z.string().regex(/^\d+$/, "a chain id")

const trigger = z
  .strictObject({
    strategy: strategyName.optional(),
    optimal_batch_size: batchSize,
    max_batch_size: batchSize,
    min_batch_size: batchSize,
    max_wait_time: durationSchema,
    value_threshold: amountText,
    network_adjustments: z
      .strictObject({ low_congestion: batchSize, medium_congestion: batchSize, high_congestion: batchSize })
      .optional(),
    dust: z.strictObject({ threshold: amountText, max_wait_time: durationSchema }).optional(),
    priority_reasons: z.array(z.string()).default([]),
    efficiency_threshold: percent.optional(),
    gas_efficiency_target: percent.optional(),
  })
  .refine((value) => value.min_batch_size <= value.optimal_batch_size, {
    path: ["min_batch_size"],
    message: "at most optimal_batch_size",
  })
  .refine((value) => value.optimal_batch_size <= value.max_batch_size, {
    path: ["optimal_batch_size"],
    message: "at most max_batch_size",
  })

const errorRate = z.strictObject({
  window: durationSchema.refine((ms) => ms > 0, "more than nothing"),
  threshold_percent: z.number().min(1).max(100),
  failures_min: z.int().min(1).max(100_000),
})

export const batchStrategySchema = z
  .strictObject({
    defaults: z.strictObject({
      strategy: strategyName,
      max_retries: z.int().min(1).max(100),
      retry_interval: durationSchema,
      fee_buffer_percent: z.int().min(0).max(100),
      pending_alarm: durationSchema,
    }),
    batch_triggers: z.record(z.string(), trigger),
    chain_batch_sizes: z.record(chainId, batchSize).default({}),
    cost: costSizes.default(costDefaults),
    congestion: congestionRulesSchema.default(congestionDefaults),
    chain_congestion: z.record(chainId, congestionRulesSchema.partial()).default({}),
    chain_gas_price_floors: z
      .record(chainId, z.string().regex(/^\d{1,9}(\.\d{1,9})?$/, "a decimal number of gwei, as text"))
      .default({}),
    error_rate: errorRate.default({ window: 600_000, threshold_percent: 50, failures_min: 5 }),
    chain_error_rates: z.record(chainId, errorRate.partial()).default({}),
    efficiency_targets: z.strictObject({
      mint: percent,
      burn: percent,
      transfer: percent,
      small_batch: percent.optional(),
      medium_batch: percent.optional(),
      large_batch: percent.optional(),
    }),
  })
  .superRefine((file, context) => {
    for (const chainId of [null, ...Object.keys(file.chain_congestion)]) {
      const path = chainId === null ? ["congestion"] : ["chain_congestion", chainId]
      for (const [key, message] of findContradictions(congestionOfChain(file, chainId)))
        context.addIssue({ code: "custom", path: [...path, key], message })
    }
  })
