import { ChainBridgeError } from "../errors.ts"
import { congestionOfChain } from "./congestion-schema.ts"
import type { Configuration } from "./load-configuration.ts"

/** What registry.tokens.strategy holds: the batch strategy of one token on one chain, ready for use. */
export type TokenStrategy = {
  readonly strategy: "adaptive" | "cost"
  readonly optimal_batch_size: number
  readonly max_batch_size: number
  readonly min_batch_size: number
  readonly max_wait_time_ms: number
  /** Decimal text, in token units. */
  readonly value_threshold: string
  /** null: sizes around the optimal one. */
  readonly network_adjustments: {
    readonly low_congestion: number
    readonly medium_congestion: number
    readonly high_congestion: number
  } | null
  /** Decimal text. null: no base fee is low enough to go for that alone. */
  readonly gas_price_floor_wei: string | null
  readonly congestion: ReturnType<typeof congestionOfChain>
  readonly cost: {
    readonly wanted_size_min: number
    readonly wanted_size_max: number
    readonly worthwhile_saving_percent: number
  }
  /** The threshold in token units, decimal text. null: nothing is held. */
  readonly dust: { readonly threshold: string; readonly max_wait_ms: number } | null
  readonly priority_reasons: readonly string[]
  readonly max_retries: number
  readonly retry_interval_ms: number
  readonly fee_buffer_percent: number
  readonly pending_alarm_ms: number
  readonly error_rate: {
    readonly window_ms: number
    readonly threshold_percent: number
    readonly failures_min: number
  }
  readonly efficiency_target: { readonly mint: number; readonly burn: number; readonly transfer: number }
}

/** The strategy of a token: its own triggers or CPOP's, the chain's batch size, the defaults of the file. */
export function resolveTokenStrategy(
  batchStrategy: Configuration["batchStrategy"],
  chainId: number,
  symbol: string,
): TokenStrategy {
  const trigger = batchStrategy.batch_triggers[symbol] ?? batchStrategy.batch_triggers["CPOP"]
  if (trigger === undefined) {
    throw new ChainBridgeError(
      "CONFIG_INVALID",
      `batch_strategy.yaml has no batch_triggers for ${symbol} and none for CPOP`,
    )
  }
  const { defaults, efficiency_targets: targets, cost, error_rate: errorRate } = batchStrategy
  const { max_batch_size: costSizeMax, ...costSizes } = cost
  const chain = String(chainId)
  const strategy = trigger.strategy ?? defaults.strategy
  const wanted = batchStrategy.chain_batch_sizes[chain] ?? trigger.optimal_batch_size
  const floor = batchStrategy.chain_gas_price_floors[chain]
  const ofChain = batchStrategy.chain_error_rates[chain] ?? {}
  const sizes =
    strategy === "cost"
      ? {
          optimal_batch_size: cost.wanted_size_min,
          max_batch_size: costSizeMax,
          min_batch_size: Math.min(trigger.min_batch_size, cost.wanted_size_min),
        }
      : {
          optimal_batch_size: Math.min(Math.max(wanted, trigger.min_batch_size), trigger.max_batch_size),
          max_batch_size: trigger.max_batch_size,
          min_batch_size: trigger.min_batch_size,
        }
  return {
    strategy,
    ...sizes,
    max_wait_time_ms: trigger.max_wait_time,
    value_threshold: trigger.value_threshold,
    network_adjustments: trigger.network_adjustments ?? null,
    gas_price_floor_wei: floor === undefined ? null : weiOfGwei(floor),
    congestion: congestionOfChain(batchStrategy, chain),
    cost: costSizes,
    dust:
      trigger.dust === undefined
        ? null
        : { threshold: trigger.dust.threshold, max_wait_ms: trigger.dust.max_wait_time },
    priority_reasons: trigger.priority_reasons,
    max_retries: defaults.max_retries,
    retry_interval_ms: defaults.retry_interval,
    fee_buffer_percent: defaults.fee_buffer_percent,
    pending_alarm_ms: defaults.pending_alarm,
    error_rate: {
      window_ms: ofChain.window ?? errorRate.window,
      threshold_percent: ofChain.threshold_percent ?? errorRate.threshold_percent,
      failures_min: ofChain.failures_min ?? errorRate.failures_min,
    },
    efficiency_target: { mint: targets.mint, burn: targets.burn, transfer: targets.transfer },
  }
}

function weiOfGwei(gwei: string): string {
  const [whole = "", decimals = ""] = gwei.split(".")
  return BigInt(whole + decimals.padEnd(9, "0")).toString()
}
