import type { BatchTrigger } from "../../ledger/store/database.ts"
import type { BatchStrategy } from "./batch-strategy.ts"
import type { AccountFold, Fold } from "./fold.ts"

export type TriggerInput = {
  readonly fold: Fold
  readonly strategy: BatchStrategy
  /** Recipients that make a batch worth sending: see batchSizeFor. */
  readonly sizeWanted: number
  /** An operator asked for everything that was recorded up to then. */
  readonly flushRequestedAtMs: number | null
  readonly nowMs: number
}

export type TriggerDecision =
  | { readonly trigger: BatchTrigger; readonly sizeWanted: number }
  /** Nothing to do before `nextDeadlineMs`; null when only a new change could bring a batch about. */
  | { readonly trigger: null; readonly nextDeadlineMs: number | null }

/**
 * Whether a batch is due, and why. Urgency, an operator's flush and a deadline that has passed go at any size; size and value wait for the smallest batch that
 * is worth its fixed cost.
 */
export function decideTrigger(input: TriggerInput): TriggerDecision {
  const { fold, strategy, sizeWanted, flushRequestedAtMs, nowMs } = input
  const ready = [...fold.nets, ...fold.zeros]
  const fired = (trigger: BatchTrigger): TriggerDecision => ({ trigger, sizeWanted })
  if (flushRequestedAtMs !== null && ready.some((account) => account.oldestMs <= flushRequestedAtMs))
    return fired("flush")
  if (ready.some((account) => account.isUrgent)) return fired("priority")
  const nextDeadlineMs = earliestDeadline(ready)
  if (nextDeadlineMs !== null && nextDeadlineMs <= nowMs) return fired("max_wait_time")
  if (fold.nets.length >= strategy.sizeMin) {
    if (fold.nets.length >= sizeWanted) return fired("size")
    const gross = fold.nets.reduce((sum, account) => sum + account.gross, 0n)
    if (gross > strategy.valueThresholdBaseUnits) return fired("value_threshold")
  }
  return { trigger: null, nextDeadlineMs }
}

function earliestDeadline(accounts: readonly AccountFold[]): number | null {
  return accounts.reduce<number | null>(
    (earliest, { deadlineMs }) => (earliest === null || deadlineMs < earliest ? deadlineMs : earliest),
    null,
  )
}
