import type { z } from "zod"
import { ChainBridgeError } from "../errors.ts"
import { congestionOfChain } from "./congestion-schema.ts"
import { describeIssue } from "./describe-issue.ts"
import type { Configuration } from "./load-configuration.ts"
import { tokenStrategySchema } from "./token-strategy-schema.ts"

/** What registry.tokens.strategy holds: the batch strategy of one token on one chain, ready for use. */
export type TokenStrategy = z.infer<typeof tokenStrategySchema>

/** The strategy of a token: its own triggers or CPOP's, the chain's batch size, the defaults of the file. @throws ChainBridgeError CONFIG_INVALID */
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
  const resolved: TokenStrategy = {
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
  const parsed = tokenStrategySchema.safeParse(resolved)
  if (parsed.success) return resolved
  throw new ChainBridgeError(
    "CONFIG_INVALID",
    parsed.error.issues
      .map(
        (issue) => `batch_strategy.yaml: of ${symbol} on chain ${chainId}: ${describeIssue(issue, resolved)}`,
      )
      .join("\n"),
  )
}

function weiOfGwei(gwei: string): string {
  const [whole = "", decimals = ""] = gwei.split(".")
  return BigInt(whole + decimals.padEnd(9, "0")).toString()
}
