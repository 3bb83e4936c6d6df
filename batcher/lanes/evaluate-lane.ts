import { sql } from "kysely"
import { invariant } from "../../platform/errors.ts"
import type { Batcher } from "../batcher-context.ts"
import { batchSizeFor } from "../domain/batch-size.ts"
import { type BatchStrategy, parseBatchStrategy } from "../domain/batch-strategy.ts"
import { inFlightStates } from "../domain/call-state.ts"
import type { Fold } from "../domain/fold.ts"
import { decideTrigger } from "../domain/triggers.ts"
import { giveUpDeferred } from "../store/give-up-deferred.ts"
import { endFlush, type LaneRow, pauseLane } from "../store/lanes.ts"
import type { Lease } from "../store/leases.ts"
import { sealBatch } from "../store/seal-batch.ts"
import type { WaitingPage } from "../store/waiting-changes.ts"
import { foldWaiting } from "./fold-waiting.ts"

// One event names all the accounts that it nets; what is more comes with the next seal.
const zerosPerSealMax = 1_000

export type LaneTurn = {
  /** Batches that this turn sealed. */
  readonly sealed: number
  /** When the lane wants to be looked at again; null: when something happens. */
  readonly nextDeadlineMs: number | null
}

/**
 * Seals what is due on one lane, as many batches at once as the bound on batches in flight allows.
 * @throws ChainBridgeError LEASE_LOST
 */
export async function evaluateLane(batcher: Batcher, lane: LaneRow, lease: Lease): Promise<LaneTurn> {
  const { db, limits, now } = batcher
  if (lane.isPaused) return { sealed: 0, nextDeadlineMs: null }
  const parsed = parseBatchStrategy(lane.strategy, lane.decimals)
  if ("refused" in parsed) {
    const reason = `the batch strategy of ${lane.symbol} cannot be used: ${parsed.message}`
    await pauseLane(db, lane, reason, "strategy")
    return { sealed: 0, nextDeadlineMs: null }
  }
  await giveUpDeferred(db, lane, parsed.strategy.retriesMax, now())
  // A long queue is folded when there is room for many batches, not anew for each that is mined.
  const inFlight = await countInFlight(batcher, lane)
  if (inFlight > limits.laneInFlightMax / 2) return { sealed: 0, nextDeadlineMs: null }
  const room = limits.laneInFlightMax - inFlight
  const { page, fold } = await foldWaiting(db, lane, limits.foldPageChanges)
  const turn = await sealFold(batcher, { lane, lease, strategy: parsed.strategy, page, fold, room })
  const isPageFull = page.changes.length >= limits.foldPageChanges
  return turn.sealed > 0 && isPageFull ? { ...turn, nextDeadlineMs: now().getTime() } : turn
}

async function sealFold(
  batcher: Batcher,
  options: {
    readonly lane: LaneRow
    readonly lease: Lease
    readonly strategy: BatchStrategy
    readonly page: WaitingPage
    readonly fold: Fold
    readonly room: number
  },
): Promise<LaneTurn> {
  const { db, now } = batcher
  const { lane, lease, strategy, page, room } = options
  // Congestion is not measured yet: without it the middle of the table is what the strategy wants.
  const sizeWanted = batchSizeFor(strategy, "medium")
  let { nets, zeros } = options.fold
  let sealed = 0
  while (sealed < room) {
    const decision = decideTrigger({
      fold: { nets, zeros, heldAccountIds: [] },
      strategy,
      sizeWanted,
      flushRequestedAtMs: lane.flushRequestedAt?.getTime() ?? null,
      nowMs: now().getTime(),
    })
    if (decision.trigger === null) {
      if (lane.flushRequestedAt !== null) await endFlush(db, lane, lane.flushRequestedAt)
      return { sealed, nextDeadlineMs: decision.nextDeadlineMs }
    }
    const result = await sealBatch(db, {
      lane,
      lease,
      trigger: decision.trigger,
      strategy: strategy.name,
      sizeWanted: decision.sizeWanted,
      nets: nets.slice(0, strategy.sizeMax),
      zeros: zeros.slice(0, zerosPerSealMax),
      addressOf: (accountId) => {
        const address = page.accounts.get(accountId)?.address
        invariant(address !== undefined, `account ${accountId} was folded and not loaded`)
        return address
      },
      sealedAt: now(),
    })
    // Somebody paused the lane or took a change between our look and the lock: a new look, at once.
    if (result.outcome === "stale") return { sealed, nextDeadlineMs: now().getTime() }
    await batcher.step("sealed")
    if (result.batchSequence !== null) sealed += 1
    nets = nets.slice(strategy.sizeMax)
    zeros = zeros.slice(zerosPerSealMax)
  }
  return { sealed, nextDeadlineMs: null }
}

async function countInFlight({ db }: Batcher, lane: LaneRow): Promise<number> {
  const { rows } = await sql<{ count: bigint }>`
    SELECT count(*) FROM settlement.batches
    WHERE ledger_id = ${lane.ledgerId} AND token_id = ${lane.tokenId}
      AND state IN (${sql.join(inFlightStates.map((state) => sql.lit(state)))})`.execute(db)
  return Number(rows[0]?.count ?? 0n)
}
