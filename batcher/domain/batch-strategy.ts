import { z } from "zod"
import { parseAmount } from "../../ledger/domain/amount.ts"
import type { CongestionRules } from "./congestion.ts"
import type { ErrorRateRules } from "./error-rate.ts"
import type { DustRule } from "./hold-dust.ts"

const size = z.number().int().min(1).max(500)
const durationMs = z.number().int().nonnegative()
const percent = z.number().min(0)
const blocks = z.number().int().min(1)

/** When and how large a token's batches are: the JSON of `registry.tokens.strategy`. Sizes count recipients. */
const batchStrategySchema = z
  .object({
    strategy: z.enum(["adaptive", "cost"]),
    optimal_batch_size: size,
    max_batch_size: size,
    min_batch_size: size,
    max_wait_time_ms: durationMs,
    /** Token units, decimal. */
    value_threshold: z.string(),
    network_adjustments: z
      .object({ low_congestion: size, medium_congestion: size, high_congestion: size })
      .nullable(),
    /** Wei per gas, decimal. */
    gas_price_floor_wei: z
      .string()
      .regex(/^\d{1,30}$/)
      .nullable()
      .default(null),
    congestion: z
      .object({
        window_blocks: blocks,
        newest_blocks: blocks,
        high_base_fee_percent: percent,
        high_gas_used_percent: percent,
        low_base_fee_percent: percent,
        low_gas_used_percent: percent,
      })
      .default({
        window_blocks: 20,
        newest_blocks: 3,
        high_base_fee_percent: 120,
        high_gas_used_percent: 90,
        low_base_fee_percent: 100,
        low_gas_used_percent: 40,
      }),
    cost: z
      .object({ wanted_size_min: size, wanted_size_max: size, worthwhile_saving_percent: percent.max(50) })
      .default({ wanted_size_min: 100, wanted_size_max: 250, worthwhile_saving_percent: 1 }),
    dust: z.object({ threshold: z.string(), max_wait_ms: durationMs }).nullable().default(null),
    max_retries: z.number().int().min(1).max(100),
    retry_interval_ms: durationMs.min(1),
    fee_buffer_percent: z.number().int().min(0).max(1_000),
    pending_alarm_ms: durationMs,
    error_rate: z
      .object({
        window_ms: durationMs.min(1),
        threshold_percent: percent.max(100),
        failures_min: z.number().int().min(1),
      })
      .default({ window_ms: 600_000, threshold_percent: 50, failures_min: 5 }),
  })
  .refine(
    (strategy) => strategy.min_batch_size <= strategy.max_batch_size,
    "min_batch_size is above max_batch_size",
  )

export type BatchStrategy = {
  readonly name: "adaptive" | "cost"
  readonly optimalSize: number
  readonly sizeMax: number
  readonly sizeMin: number
  /** From its recording to its seal, where nobody asked for less. */
  readonly maxWaitMs: number
  readonly valueThresholdBaseUnits: bigint
  /** Below this base fee what waits is sent; null: never for that reason. */
  readonly gasPriceFloorWei: bigint | null
  /** By congestion; null: see adaptiveSize. */
  readonly networkSizes: { readonly low: number; readonly medium: number; readonly high: number } | null
  readonly congestion: CongestionRules
  /** Of the strategy `cost`: see costSize. */
  readonly cost: {
    readonly wantedMin: number
    readonly wantedMax: number
    readonly worthwhilePercent: number
  }
  /** null: small credits to new holders go like any other. */
  readonly dust: DustRule | null
  readonly retriesMax: number
  readonly retryIntervalMs: number
  readonly feeBufferPercent: number
  readonly pendingAlarmMs: number
  readonly errorRate: ErrorRateRules
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
  const dust = data.dust === null ? null : parseAmount(data.dust.threshold, decimals, "forbidden")
  if (dust !== null && "refused" in dust)
    return { refused: "STRATEGY_INVALID", message: `dust.threshold: ${dust.message}` }
  const { network_adjustments: sizes, congestion, cost } = data
  return {
    strategy: {
      name: data.strategy,
      optimalSize: data.optimal_batch_size,
      sizeMax: data.max_batch_size,
      sizeMin: data.min_batch_size,
      maxWaitMs: data.max_wait_time_ms,
      valueThresholdBaseUnits: threshold.amountBaseUnits,
      gasPriceFloorWei: data.gas_price_floor_wei === null ? null : BigInt(data.gas_price_floor_wei),
      networkSizes:
        sizes === null
          ? null
          : { low: sizes.low_congestion, medium: sizes.medium_congestion, high: sizes.high_congestion },
      congestion: {
        windowBlocks: congestion.window_blocks,
        newestBlocks: congestion.newest_blocks,
        highBaseFeePercent: congestion.high_base_fee_percent,
        highGasUsedPercent: congestion.high_gas_used_percent,
        lowBaseFeePercent: congestion.low_base_fee_percent,
        lowGasUsedPercent: congestion.low_gas_used_percent,
      },
      cost: {
        wantedMin: cost.wanted_size_min,
        wantedMax: cost.wanted_size_max,
        worthwhilePercent: cost.worthwhile_saving_percent,
      },
      dust:
        data.dust === null || dust === null
          ? null
          : { thresholdBaseUnits: dust.amountBaseUnits, maxWaitMs: data.dust.max_wait_ms },
      retriesMax: data.max_retries,
      retryIntervalMs: data.retry_interval_ms,
      feeBufferPercent: data.fee_buffer_percent,
      pendingAlarmMs: data.pending_alarm_ms,
      errorRate: {
        windowMs: data.error_rate.window_ms,
        thresholdPercent: data.error_rate.threshold_percent,
        failuresMin: data.error_rate.failures_min,
      },
    },
  }
}
