import type { ChainCongestion } from "../../ledger/store/database.ts"
import type { BatchStrategy } from "./batch-strategy.ts"

const quietStep = 15
const quietMost = 40
const busyStep = 10
const busyLeast = 10
const urgentStep = 5
const urgentLeast = 15

/**
 * The number of recipients that makes a batch worth sending: what the token's own table says for the congestion, and without a table the optimal size, 15 more up to 40 on a quiet chain, 10
 * less down to 10 on a busy one. An optimal size beyond these ends stays what it is.
 * @param congestion null when it could not be measured: the middle, which claims nothing
 */
export function adaptiveSize(
  strategy: Pick<BatchStrategy, "optimalSize" | "sizeMax" | "networkSizes">,
  congestion: ChainCongestion | null,
): number {
  const { optimalSize, networkSizes, sizeMax } = strategy
  const sizes = networkSizes ?? {
    low: Math.max(optimalSize, Math.min(optimalSize + quietStep, quietMost)),
    medium: optimalSize,
    high: Math.min(optimalSize, Math.max(optimalSize - busyStep, busyLeast)),
  }
  return Math.min(sizes[congestion ?? "medium"], sizeMax)
}

/** What cannot wait goes in smaller company, which finds room in a block sooner: 5 less, down to 15. */
export function urgentSize(size: number): number {
  return Math.min(size, Math.max(size - urgentStep, urgentLeast))
}
