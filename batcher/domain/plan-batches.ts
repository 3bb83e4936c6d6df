import type { BatchCall } from "../../ledger/domain/batch-calls.ts"
import type { BatchTrigger } from "../../ledger/store/database.ts"
import { adaptiveSize, urgentSize } from "./batch-size.ts"
import type { BatchStrategy } from "./batch-strategy.ts"
import type { FeeMarket } from "./congestion.ts"
import { costSize } from "./cost-size.ts"
import type { AccountFold, Fold } from "./fold.ts"
import { gasOfCall, plannedGasMax, sizeThatFits } from "./gas-model.ts"
import type { ModeTraits } from "./settlement-modes.ts"
import { decideTrigger } from "./triggers.ts"

export type PlanInput = {
  readonly fold: Pick<Fold, "nets" | "zeros">
  readonly mode: ModeTraits
  readonly strategy: BatchStrategy
  /** null when the chain did not answer. */
  readonly market: FeeMarket | null
  readonly flushRequestedAtMs: number | null
  readonly nowMs: number
  /** Transactions that may be sealed now. */
  readonly room: number
  /** Whether more waits than the fold has seen. */
  readonly isMoreBehind: boolean
}

export type PlannedBatch = {
  readonly trigger: BatchTrigger
  /** What the transaction does. */
  readonly batchCall: BatchCall
  readonly sizeWanted: number
  /** Become one transaction; empty where everything cancels out. */
  readonly nets: readonly AccountFold[]
  readonly zeros: readonly AccountFold[]
}

export type Plan = {
  readonly batches: readonly PlannedBatch[]
  /** Why there are no more: there is no room, what waits behind the fold belongs into the next batch, or nothing else is due. */
  readonly endedBy: "room" | "more_behind" | "nothing_due"
  /** The first deadline of what stays; null when nothing does. */
  readonly nextDeadlineMs: number | null
}

// One event names all the accounts that it nets; what is more comes with the next seal.
const zerosPerBatchMax = 1_000

/**
 * What a lane seals now: whole accounts, each in one batch at most, the most urgent first and then the oldest, in batches that are full as long as enough waits. So a
 * queue of any length leaves in the fewest transactions, all in one turn up to the room there is. Where a call cannot hold both, credits and debits are two queues, and whichever has the
 * first account goes first.
 */
export function planBatches(input: PlanInput): Plan {
  const { strategy, market, room, isMoreBehind } = input
  const gasMax = plannedGasMax(market?.blockGasLimit ?? null)
  const batches: PlannedBatch[] = []
  const queues = queuesOf(input)
  let transactions = 0
  let isCut = false
  const ended = (endedBy: Plan["endedBy"]): Plan => ({
    batches,
    endedBy,
    nextDeadlineMs: earliestDeadline(
      queues.flatMap(({ nets }) => nets),
      queues.flatMap(({ zeros }) => zeros),
    ),
  })
  while (transactions < room) {
    const next = firstDue(input, queues, gasMax)
    if (next === null) return ended(isCut ? "more_behind" : "nothing_due")
    const { queue, batch } = next
    // The rest of a page is filled up with the next page's accounts; the first batch is made all the same, or a page smaller than a batch would never be.
    const isTail = batch.nets.length === queue.nets.length && queue.nets.length < strategy.sizeMax
    if (isMoreBehind && isTail && transactions > 0) {
      queue.isClosed = true
      isCut = true
      continue
    }
    batches.push(batch)
    if (batch.nets.length > 0) transactions += 1
    queue.nets = queue.nets.slice(batch.nets.length)
    queue.zeros = queue.zeros.slice(batch.zeros.length)
  }
  return ended("room")
}

type Queue = {
  readonly batchCall: BatchCall
  readonly sizeWanted: number
  nets: readonly AccountFold[]
  zeros: readonly AccountFold[]
  isClosed: boolean
}

function queuesOf(input: PlanInput): Queue[] {
  const { mode, fold } = input
  const { nets, zeros } = fold
  const open = (batchCall: BatchCall, some: PlanInput["fold"]): Queue => ({
    batchCall,
    ...some,
    // Of the whole queue: how fast it grows, and what is in it, are not told by a rest of it.
    sizeWanted: wantedSize(input, batchCall, some.nets),
    isClosed: false,
  })
  if (mode.credits === mode.debits) return [open(mode.credits, { nets, zeros })]
  const isCredit = (account: AccountFold) => account.net > 0n
  const credits = open(mode.credits, { nets: nets.filter(isCredit), zeros })
  if (mode.debits === null) return [credits]
  return [credits, open(mode.debits, { nets: nets.filter((account) => !isCredit(account)), zeros: [] })]
}

function firstDue(
  input: PlanInput,
  queues: readonly Queue[],
  gasMax: number,
): { readonly queue: Queue; readonly batch: PlannedBatch } | null {
  const inOrder = queues
    .filter(({ isClosed }) => !isClosed)
    .sort((a, b) => compareHeads(a.nets[0], b.nets[0]))
  for (const queue of inOrder) {
    const batch = planBatch(input, queue, gasMax)
    if (batch !== null) return { queue, batch }
  }
  return null
}

function compareHeads(a: AccountFold | undefined, b: AccountFold | undefined): number {
  if (a === undefined || b === undefined) return Number(a === undefined) - Number(b === undefined)
  if (a.isUrgent !== b.isUrgent) return Number(b.isUrgent) - Number(a.isUrgent)
  return (a.isUrgent ? b.priority - a.priority : 0) || a.oldestMs - b.oldestMs
}

function planBatch(
  input: PlanInput,
  { nets, zeros, batchCall, sizeWanted: size }: Queue,
  gasMax: number,
): PlannedBatch | null {
  const { strategy, market } = input
  const triggerOf = (someNets: readonly AccountFold[], someZeros: readonly AccountFold[]) =>
    decideTrigger({
      nets: someNets,
      zeros: someZeros,
      strategy,
      sizeWanted: size,
      // A chain whose base fee is zero has no price that one could wait for.
      baseFee: market === null || market.baseFee === 0n ? null : market.baseFee,
      flushRequestedAtMs: input.flushRequestedAtMs,
      nowMs: input.nowMs,
    })
  const trigger = triggerOf(nets, zeros)
  if (trigger === null) return null
  const most = sizeThatFits(gasOfCall[batchCall], nets, strategy.sizeMax, gasMax)
  const taken = { trigger, batchCall, zeros: zeros.slice(0, zerosPerBatchMax) }
  // The trigger is of the whole queue. The change that it is about may be in a later batch of it: they are made until nothing is due.
  if (trigger !== "priority") return { ...taken, sizeWanted: size, nets: nets.slice(0, most) }
  // Company of the urgent that would go anyway fills their batch; other company waits on, beyond what makes a batch for them.
  const patient = nets.filter((account) => !account.isUrgent)
  const urgent = nets.length - patient.length
  const isCompanyDue = triggerOf(patient, []) !== null
  const sizeWanted = urgentSize(size)
  const wanted = isCompanyDue ? most : Math.max(urgent, sizeWanted)
  return { ...taken, sizeWanted, nets: nets.slice(0, Math.min(wanted, most)) }
}

function wantedSize(
  { strategy, market, nowMs }: PlanInput,
  batchCall: BatchCall,
  nets: readonly AccountFold[],
): number {
  if (strategy.name === "adaptive") return adaptiveSize(strategy, market?.congestion ?? null)
  const baseFeePercent = market?.baseFeePercent ?? 100
  return costSize({ sizes: strategy.cost, model: gasOfCall[batchCall], nets, baseFeePercent, nowMs })
}

function earliestDeadline(nets: readonly AccountFold[], zeros: readonly AccountFold[]): number | null {
  let earliest = Number.POSITIVE_INFINITY
  for (const account of nets) earliest = Math.min(earliest, account.deadlineMs)
  for (const account of zeros) earliest = Math.min(earliest, account.deadlineMs)
  return earliest === Number.POSITIVE_INFINITY ? null : earliest
}
