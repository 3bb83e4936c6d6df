import type { BatchTrigger } from "../../ledger/store/database.ts"
import { adaptiveSize, urgentSize } from "./batch-size.ts"
import type { BatchStrategy } from "./batch-strategy.ts"
import type { FeeMarket } from "./congestion.ts"
import { costSize } from "./cost-size.ts"
import type { AccountFold, Fold } from "./fold.ts"
import { plannedGasMax, settleGas, sizeThatFits } from "./gas-model.ts"
import { decideTrigger } from "./triggers.ts"

export type PlanInput = {
  readonly fold: Pick<Fold, "nets" | "zeros">
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
 * queue of any length leaves in the fewest transactions, all in one turn up to the room there is.
 */
export function planBatches(input: PlanInput): Plan {
  const { strategy, market, room, isMoreBehind } = input
  const size = wantedSize(input)
  const gasMax = plannedGasMax(market?.blockGasLimit ?? null)
  const batches: PlannedBatch[] = []
  let { nets, zeros } = input.fold
  let transactions = 0
  while (transactions < room) {
    const batch = planBatch(input, { nets, zeros }, size, gasMax)
    if (batch === null)
      return { batches, endedBy: "nothing_due", nextDeadlineMs: earliestDeadline(nets, zeros) }
    // The rest of a page is filled up with the next page's accounts.
    const isTail = batch.nets.length === nets.length && nets.length < strategy.sizeMax
    if (isMoreBehind && isTail && transactions > 0)
      return { batches, endedBy: "more_behind", nextDeadlineMs: earliestDeadline(nets, zeros) }
    batches.push(batch)
    if (batch.nets.length > 0) transactions += 1
    nets = nets.slice(batch.nets.length)
    zeros = zeros.slice(batch.zeros.length)
  }
  return { batches, endedBy: "room", nextDeadlineMs: earliestDeadline(nets, zeros) }
}

function planBatch(
  input: PlanInput,
  { nets, zeros }: PlanInput["fold"],
  size: number,
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
  const most = sizeThatFits(settleGas, nets, strategy.sizeMax, gasMax)
  const taken = { trigger, zeros: zeros.slice(0, zerosPerBatchMax) }
  if (trigger !== "priority") return { ...taken, sizeWanted: size, nets: nets.slice(0, most) }
  // Company of the urgent that would go anyway fills their batch; other company waits on, beyond what makes a batch for them.
  const patient = nets.filter((account) => !account.isUrgent)
  const urgent = nets.length - patient.length
  const isCompanyDue = triggerOf(patient, []) !== null
  const sizeWanted = urgentSize(size)
  const wanted = isCompanyDue ? most : Math.max(urgent, sizeWanted)
  return { ...taken, sizeWanted, nets: nets.slice(0, Math.min(wanted, most)) }
}

/** Of the whole queue: how fast it grows, and what is in it, are not told by a rest of it. */
function wantedSize({ fold, strategy, market, nowMs }: PlanInput): number {
  if (strategy.name === "adaptive") return adaptiveSize(strategy, market?.congestion ?? null)
  const baseFeePercent = market?.baseFeePercent ?? 100
  return costSize({ sizes: strategy.cost, model: settleGas, nets: fold.nets, baseFeePercent, nowMs })
}

function earliestDeadline(nets: readonly AccountFold[], zeros: readonly AccountFold[]): number | null {
  let earliest = Number.POSITIVE_INFINITY
  for (const account of nets) earliest = Math.min(earliest, account.deadlineMs)
  for (const account of zeros) earliest = Math.min(earliest, account.deadlineMs)
  return earliest === Number.POSITIVE_INFINITY ? null : earliest
}
