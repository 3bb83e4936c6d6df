import type { BatchTrigger } from "../../ledger/store/database.ts"
import type { BatchStrategy } from "./batch-strategy.ts"
import type { AccountFold } from "./fold.ts"

export type TriggerInput = {
  /** What could be sealed now: see Fold. */
  readonly nets: readonly AccountFold[]
  readonly zeros: readonly AccountFold[]
  readonly strategy: Pick<BatchStrategy, "sizeMin" | "valueThresholdBaseUnits" | "gasPriceFloorWei">
  /** Recipients that make a batch worth sending. */
  readonly sizeWanted: number
  /** Wei per gas; null when it is not known, or the chain has none. */
  readonly baseFee: bigint | null
  /** An operator asked for everything that was recorded up to then. */
  readonly flushRequestedAtMs: number | null
  readonly nowMs: number
}

/**
 * Why a batch is due, null when none is. Urgency, an operator's flush and a deadline that has passed go at any size; size, value and a low gas price wait for the smallest
 * batch that is worth its fixed cost.
 */
export function decideTrigger(input: TriggerInput): BatchTrigger | null {
  const { nets, zeros, strategy, sizeWanted, baseFee, flushRequestedAtMs, nowMs } = input
  const isAny = (test: (account: AccountFold) => boolean) => nets.some(test) || zeros.some(test)
  if (flushRequestedAtMs !== null && isAny((account) => account.oldestMs <= flushRequestedAtMs))
    return "flush"
  if (isAny((account) => account.isUrgent)) return "priority"
  if (isAny((account) => account.deadlineMs <= nowMs)) return "max_wait_time"
  if (nets.length < strategy.sizeMin || nets.length === 0) return null
  if (nets.length >= sizeWanted) return "size"
  if (grossOf(nets) + grossOf(zeros) > strategy.valueThresholdBaseUnits) return "value_threshold"
  if (baseFee !== null && strategy.gasPriceFloorWei !== null && baseFee < strategy.gasPriceFloorWei)
    return "gas_price"
  return null
}

function grossOf(accounts: readonly AccountFold[]): bigint {
  return accounts.reduce((sum, account) => sum + account.gross, 0n)
}
