import { ChainBridgeError } from "../errors.ts"
import type { Configuration } from "./load-configuration.ts"

/** What registry.tokens.strategy holds: the batch strategy of one token on one chain, ready for use. */
export type TokenStrategy = {
  readonly strategy: "adaptive"
  readonly optimal_batch_size: number
  readonly max_batch_size: number
  readonly min_batch_size: number
  readonly max_wait_time_ms: number
  /** Decimal text, in token units. */
  readonly value_threshold: string
  readonly network_adjustments: {
    readonly low_congestion: number
    readonly medium_congestion: number
    readonly high_congestion: number
  }
  readonly priority_reasons: readonly string[]
  readonly max_retries: number
  readonly retry_interval_ms: number
  readonly fee_buffer_percent: number
  readonly pending_alarm_ms: number
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
  const { defaults, efficiency_targets: targets } = batchStrategy
  const wanted = batchStrategy.chain_batch_sizes[String(chainId)] ?? trigger.optimal_batch_size
  const optimal = Math.min(Math.max(wanted, trigger.min_batch_size), trigger.max_batch_size)
  return {
    strategy: defaults.strategy,
    optimal_batch_size: optimal,
    max_batch_size: trigger.max_batch_size,
    min_batch_size: trigger.min_batch_size,
    max_wait_time_ms: trigger.max_wait_time,
    value_threshold: trigger.value_threshold,
    network_adjustments: trigger.network_adjustments ?? {
      low_congestion: Math.min(optimal + 15, 40, trigger.max_batch_size),
      medium_congestion: optimal,
      high_congestion: Math.max(optimal - 10, Math.min(10, optimal)),
    },
    priority_reasons: trigger.priority_reasons,
    max_retries: defaults.max_retries,
    retry_interval_ms: defaults.retry_interval,
    fee_buffer_percent: defaults.fee_buffer_percent,
    pending_alarm_ms: defaults.pending_alarm,
    efficiency_target: { mint: targets.mint, burn: targets.burn, transfer: targets.transfer },
  }
}
