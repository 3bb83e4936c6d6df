import { z } from "zod"
import { parseAmount } from "../../ledger/domain/amount.ts"

const size = z.number().int().min(1).max(500)
const durationMs = z.number().int().nonnegative()

/** When and how large a token's batches are: the JSON of `registry.tokens.strategy`. Sizes count recipients. */
const batchStrategySchema = z
  .object({
    strategy: z.enum(["adaptive"]),
    optimal_batch_size: size,
    max_batch_size: size,
    min_batch_size: size,
    max_wait_time_ms: durationMs,
    /** Token units, decimal. */
    value_threshold: z.string(),
    network_adjustments: z.object({
      low_congestion: size,
      medium_congestion: size,
      high_congestion: size,
    }),
    max_retries: z.number().int().min(1).max(100),
    retry_interval_ms: durationMs.min(1),
    fee_buffer_percent: z.number().int().min(0).max(1_000),
    pending_alarm_ms: durationMs,
  })
  .refine(
    (strategy) => strategy.min_batch_size <= strategy.max_batch_size,
    "min_batch_size is above max_batch_size",
  )

export type BatchStrategy = {
  readonly name: "adaptive"
  readonly optimalSize: number
  readonly sizeMax: number
  readonly sizeMin: number
  readonly valueThresholdBaseUnits: bigint
  readonly networkSizes: { readonly low: number; readonly medium: number; readonly high: number }
  readonly retriesMax: number
  readonly retryIntervalMs: number
  readonly feeBufferPercent: number
  readonly pendingAlarmMs: number
}

/** Reads a token's stored strategy. A strategy that makes no sense is a value: its lane is paused and says why. */
export function parseBatchStrategy(
  stored: unknown,
  decimals: number,
): { readonly strategy: BatchStrategy } | { readonly refused: "STRATEGY_INVALID"; readonly message: string } {
  const parsed = batchStrategySchema.safeParse(stored)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    const message = `${issue?.path.join(".") ?? ""}: ${issue?.message ?? "not a strategy"}`
    return { refused: "STRATEGY_INVALID", message }
  }
  const { data } = parsed
  const threshold = parseAmount(data.value_threshold, decimals, "forbidden")
  if ("refused" in threshold)
    return { refused: "STRATEGY_INVALID", message: `value_threshold: ${threshold.message}` }
  return {
    strategy: {
      name: data.strategy,
      optimalSize: data.optimal_batch_size,
      sizeMax: data.max_batch_size,
      sizeMin: data.min_batch_size,
      valueThresholdBaseUnits: threshold.amountBaseUnits,
      networkSizes: {
        low: data.network_adjustments.low_congestion,
        medium: data.network_adjustments.medium_congestion,
        high: data.network_adjustments.high_congestion,
      },
      retriesMax: data.max_retries,
      retryIntervalMs: data.retry_interval_ms,
      feeBufferPercent: data.fee_buffer_percent,
      pendingAlarmMs: data.pending_alarm_ms,
    },
  }
}
