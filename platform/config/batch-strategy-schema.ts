import { z } from "zod"
import { durationSchema } from "./duration.ts"

const percent = z.number().min(0).max(100)
// The contract's gas limit bounds a batch; 500 is the most that any strategy may ask for.
const batchSize = z.int().min(1).max(500)

const trigger = z
  .strictObject({
    optimal_batch_size: batchSize,
    max_batch_size: batchSize,
    min_batch_size: batchSize,
    max_wait_time: durationSchema,
    value_threshold: z.string().regex(/^\d{1,59}(\.\d{1,36})?$/, "a decimal amount in token units, as text"),
    network_adjustments: z
      .strictObject({ low_congestion: batchSize, medium_congestion: batchSize, high_congestion: batchSize })
      .optional(),
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

export const batchStrategySchema = z.strictObject({
  defaults: z.strictObject({
    strategy: z.enum(["adaptive"]),
    max_retries: z.int().min(0).max(100),
    retry_interval: durationSchema,
    fee_buffer_percent: percent,
    pending_alarm: durationSchema,
  }),
  batch_triggers: z.record(z.string(), trigger),
  chain_batch_sizes: z.record(z.string().regex(/^\d+$/, "a chain id"), batchSize).default({}),
  efficiency_targets: z.strictObject({
    mint: percent,
    burn: percent,
    transfer: percent,
    small_batch: percent.optional(),
    medium_batch: percent.optional(),
    large_batch: percent.optional(),
  }),
})
