import type { BatchStrategy } from "./batch-strategy.ts"

/** How busy the chain is, against its own recent past. */
export type Congestion = "low" | "medium" | "high"

/** The number of recipients that makes a batch worth sending. */
export function batchSizeFor(strategy: BatchStrategy, congestion: Congestion): number {
  return Math.min(strategy.networkSizes[congestion], strategy.sizeMax)
}
