import type { AccountFold, WaitingChange } from "./fold.ts"

export type DustRule = {
  /** Smaller credits are held. */
  readonly thresholdBaseUnits: bigint
  /** From the first of them on, and no longer. */
  readonly maxWaitMs: number
}

export type HeldDust = {
  readonly accountId: bigint
  /** Of its changes: a later one has not been looked at. */
  readonly lastPosition: bigint
  readonly untilMs: number
  /** Whether one of its changes is still noted as wanting to be sealed before. */
  readonly isNotedSooner: boolean
}

export type DustInput = {
  readonly rule: DustRule
  readonly changes: readonly WaitingChange[]
  readonly nets: readonly AccountFold[]
  /** Whether the account never held anything on chain, as far as we confirmed. */
  readonly isUnknownToChain: (accountId: bigint) => boolean
  /** How long a change waits where nobody asked for less. */
  readonly maxWaitMs: number
  readonly flushRequestedAtMs: number | null
  readonly nowMs: number
}

/**
 * Keeps small credits of accounts that are new to the chain out of the batches: the first one fills an empty slot, which costs three times as much as a change of a filled one, and
 * may be more than it is worth. An account is held whole, so nothing of it is lost or reordered, until it has the threshold, or the first of its changes has waited as long as the rule allows or
 * as its request asked for. What is urgent is not held, nor what an operator flushes.
 */
export function holdDust(input: DustInput): {
  readonly nets: readonly AccountFold[]
  readonly held: readonly HeldDust[]
} {
  const { rule, nowMs, flushRequestedAtMs } = input
  const histories = readHistories(input)
  const nets: AccountFold[] = []
  const held: HeldDust[] = []
  for (const account of input.nets) {
    const history = histories.get(account.accountId)
    if (history === undefined) {
      nets.push(account)
      continue
    }
    const untilMs = Math.min(account.oldestMs + rule.maxWaitMs, history.promisedMs)
    const isFlushed = flushRequestedAtMs !== null && account.oldestMs <= flushRequestedAtMs
    if (account.net < rule.thresholdBaseUnits && untilMs > nowMs && !isFlushed) {
      held.push({
        accountId: account.accountId,
        lastPosition: account.positions.at(-1) ?? 0n,
        untilMs,
        isNotedSooner: history.notedMs < untilMs,
      })
    } else if (account.net >= rule.thresholdBaseUnits) {
      // It waits for company like any other, from the change on that made it worth its slot.
      nets.push({ ...account, deadlineMs: Math.min(untilMs, history.reachedMs + input.maxWaitMs) })
    } else nets.push(account)
  }
  return { nets, held }
}

type History = {
  sum: bigint
  /** When the threshold was last reached. */
  reachedMs: number
  /** The earliest moment that a request asked for. */
  promisedMs: number
  /** The earliest deadline as recorded. */
  notedMs: number
}

function readHistories({
  rule,
  changes,
  nets,
  isUnknownToChain,
  maxWaitMs,
}: DustInput): Map<bigint, History> {
  const histories = new Map<bigint, History>()
  for (const { accountId, isNewHolder, isUrgent } of nets) {
    if (!isNewHolder || isUrgent || !isUnknownToChain(accountId)) continue
    const never = Number.POSITIVE_INFINITY
    histories.set(accountId, { sum: 0n, reachedMs: never, promisedMs: never, notedMs: never })
  }
  for (const { accountId, amount, deadline, recordedAt } of changes) {
    const history = histories.get(accountId)
    if (history === undefined) continue
    const [deadlineMs, recordedMs] = [deadline.getTime(), recordedAt.getTime()]
    if (history.sum < rule.thresholdBaseUnits && history.sum + amount >= rule.thresholdBaseUnits)
      history.reachedMs = recordedMs
    history.sum += amount
    history.notedMs = Math.min(history.notedMs, deadlineMs)
    if (deadlineMs - recordedMs < maxWaitMs) history.promisedMs = Math.min(history.promisedMs, deadlineMs)
  }
  return histories
}
