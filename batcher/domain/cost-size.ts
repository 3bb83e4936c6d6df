import type { BatchStrategy } from "./batch-strategy.ts"
import type { AccountFold } from "./fold.ts"
import { type GasModel, gasOfRecipient } from "./gas-model.ts"

export type CostInput = {
  readonly sizes: BatchStrategy["cost"]
  readonly model: GasModel
  /** What waits. */
  readonly nets: readonly Pick<AccountFold, "isNewHolder" | "oldestMs" | "deadlineMs">[]
  /** The newest base fees in percent of their average; 100 when they are not known. */
  readonly baseFeePercent: number
  readonly nowMs: number
}

/**
 * The smallest batch that is as good as the best one within reach. A recipient of a batch of n costs price × (fixed / n + own). Waiting makes n larger, and brings a price that is above
 * or below its average back to it; it can go on until the largest wanted size or the first deadline. As soon as waiting would save less than `worthwhilePercent` of that,
 * the batch goes: changes that wait for nothing are late for nothing.
 */
export function costSize(input: CostInput): number {
  const { sizes, model, nets } = input
  const best = Math.min(sizes.wantedMax, Math.max(sizes.wantedMin, reachableSize(input)))
  const own =
    nets.length === 0
      ? model.existingHolder
      : nets.reduce((total, account) => total + gasOfRecipient(model, account), 0) / nets.length
  const priceNow = input.baseFeePercent / 100
  const bearable = (model.fixed / best + own) / (1 - sizes.worthwhilePercent / 100)
  // price × (fixed / n + own) ≤ bearable, solved for n; no n does it where the recipients' own gas alone is dearer.
  const fixedShare = priceNow === 0 ? Number.POSITIVE_INFINITY : bearable / priceNow - own
  if (fixedShare <= 0) return best
  return Math.min(best, Math.max(sizes.wantedMin, Math.ceil(model.fixed / fixedShare)))
}

/** How many recipients there will be at the first deadline, if they go on coming as they did since the oldest waiting change. */
function reachableSize({ nets, nowMs }: CostInput): number {
  let oldestMs = nowMs
  let deadlineMs = Number.POSITIVE_INFINITY
  for (const account of nets) {
    oldestMs = Math.min(oldestMs, account.oldestMs)
    deadlineMs = Math.min(deadlineMs, account.deadlineMs)
  }
  if (nets.length === 0) return 0
  const perMs = nets.length / Math.max(nowMs - oldestMs, 1_000)
  return Math.floor(nets.length + perMs * Math.max(deadlineMs - nowMs, 0))
}
