import { z } from "zod"

/** The part of a token's batch strategy that answers mention; a figure that is not configured is null. */
export type TokenStrategyView = {
  readonly name: string | null
  readonly optimalBatchSize: number | null
  readonly maxWaitMs: number | null
  readonly priorityReasons: ReadonlySet<string>
  readonly efficiencyTarget: EfficiencyTarget | null
}

/** Percent of the gas of single calls that batches are expected to save. */
export type EfficiencyTarget = { readonly mint: number; readonly burn: number }

const strategySchema = z
  .object({
    strategy: z.string(),
    optimal_batch_size: z.number(),
    max_wait_time_ms: z.number(),
    priority_reasons: z.array(z.string()),
    efficiency_target: z.object({ mint: z.number(), burn: z.number() }),
  })
  .partial()

/** Reads `registry.tokens.strategy`; the batcher, which acts on it, validates the whole. */
export function viewTokenStrategy(stored: unknown): TokenStrategyView {
  const parsed = strategySchema.safeParse(stored)
  const strategy = parsed.success ? parsed.data : {}
  return {
    name: strategy.strategy ?? null,
    optimalBatchSize: strategy.optimal_batch_size ?? null,
    maxWaitMs: strategy.max_wait_time_ms ?? null,
    priorityReasons: new Set(strategy.priority_reasons),
    efficiencyTarget: strategy.efficiency_target ?? null,
  }
}
