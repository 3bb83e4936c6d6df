import { z } from "zod"
import { amountText, batchSize, percent, strategyName } from "./batch-strategy-schema.ts"
import { congestionDefaults, congestionRulesSchema, findContradictions } from "./congestion-schema.ts"
import { reasonTypeSchema } from "./reason-registry-schema.ts"

const durationMs = z.int().min(0).max(1_000_000_000_000)

/** The batch strategy of one token on one chain, as `registry.tokens.strategy` holds it. Whoever writes one there validates it with this. Sizes count recipients. */
export const tokenStrategySchema = z
  .strictObject({
    strategy: strategyName,
    optimal_batch_size: batchSize,
    max_batch_size: batchSize,
    min_batch_size: batchSize,
    max_wait_time_ms: durationMs,
    /** Token units. */
    value_threshold: amountText,
    /** null: sizes around the optimal one. */
    network_adjustments: z
      .strictObject({ low_congestion: batchSize, medium_congestion: batchSize, high_congestion: batchSize })
      .nullable()
      .default(null),
    /** null: no base fee is low enough to go for that alone. */
    gas_price_floor_wei: z
      .string()
      .regex(/^\d{1,30}$/, "a whole number of wei, as text")
      .nullable()
      .default(null),
    congestion: congestionRulesSchema.default(congestionDefaults),
    cost: z
      .strictObject({
        wanted_size_min: batchSize,
        wanted_size_max: batchSize,
        worthwhile_saving_percent: z.number().min(0).max(50),
      })
      .default({ wanted_size_min: 100, wanted_size_max: 250, worthwhile_saving_percent: 1 }),
    /** null: nothing is held. */
    dust: z.strictObject({ threshold: amountText, max_wait_ms: durationMs }).nullable().default(null),
    priority_reasons: z.array(reasonTypeSchema).max(100).default([]),
    max_retries: z.int().min(1).max(100),
    retry_interval_ms: durationMs.min(1),
    fee_buffer_percent: z.int().min(0).max(100),
    pending_alarm_ms: durationMs,
    error_rate: z
      .strictObject({
        window_ms: durationMs.min(1),
        threshold_percent: z.number().min(1).max(100),
        failures_min: z.int().min(1).max(100_000),
      })
      .default({ window_ms: 600_000, threshold_percent: 50, failures_min: 5 }),
    /** Percent of the gas of single calls that batches are expected to save. */
    efficiency_target: z.strictObject({ mint: percent, burn: percent, transfer: percent }).optional(),
  })
  .superRefine((strategy, context) => {
    const refuse = (path: string[], message: string) => context.addIssue({ code: "custom", path, message })
    if (strategy.min_batch_size > strategy.optimal_batch_size)
      refuse(["min_batch_size"], "at most optimal_batch_size")
    if (strategy.optimal_batch_size > strategy.max_batch_size)
      refuse(["optimal_batch_size"], "at most max_batch_size")
    if (strategy.cost.wanted_size_min > strategy.cost.wanted_size_max)
      refuse(["cost", "wanted_size_min"], "at most wanted_size_max")
    for (const [key, message] of findContradictions(strategy.congestion)) refuse(["congestion", key], message)
  })
