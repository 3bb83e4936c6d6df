import { sql } from "kysely"
import { invariant } from "../../platform/errors.ts"
import type { Batcher } from "../batcher-context.ts"
import { type BatchStrategy, parseBatchStrategy } from "../domain/batch-strategy.ts"
import { inFlightStates } from "../domain/call-state.ts"
import { type FeeMarket, judgeMarket } from "../domain/congestion.ts"
import { type PlannedBatch, planBatches } from "../domain/plan-batches.ts"
import { giveUpDeferred } from "../store/give-up-deferred.ts"
import { endFlush, type LaneRow, pauseLane } from "../store/lanes.ts"
import type { Lease } from "../store/leases.ts"
import { noteDust } from "../store/note-dust.ts"
import { type SealResult, sealBatch } from "../store/seal-batch.ts"
import { isUrgentWaiting, type WaitingPage } from "../store/waiting-changes.ts"
import { foldWaiting } from "./fold-waiting.ts"
import type { LeaseKeeper } from "./lease-keeper.ts"

export type LaneTurn = {
  /** Batches that this turn sealed. */
  readonly sealed: number
  /** When the lane wants to be looked at again; null: when something happens. */
  readonly nextDeadlineMs: number | null
}

const nothingToDo: LaneTurn = { sealed: 0, nextDeadlineMs: null }

/**
 * Seals what is due on one lane, as many batches at once as the bound on batches in flight allows.
 * @throws ChainBridgeError LEASE_LOST
 */
export async function evaluateLane(
  batcher: Batcher,
  lane: LaneRow,
  keeper: Pick<LeaseKeeper, "get">,
): Promise<LaneTurn> {
  const { db, limits, now } = batcher
  if (lane.isPaused) return nothingToDo
  const parsed = parseBatchStrategy(lane.strategy, lane.decimals)
  if ("refused" in parsed) {
    const reason = `the batch strategy of ${lane.symbol} cannot be used: ${parsed.message}`
    await db.transaction().execute((trx) => pauseLane(trx, lane, reason, "strategy"))
    return nothingToDo
  }
  const { strategy } = parsed
  const own = await keeper.get()
  if (own === null) return { sealed: 0, nextDeadlineMs: now().getTime() + limits.leasePollMs }
  await giveUpDeferred(db, lane, own, strategy.retriesMax, now())
  const room = await findRoom(batcher, lane)
  if (room === 0) return nothingToDo
  const flushRequestedAtMs = lane.flushRequestedAt?.getTime() ?? null
  const { page, fold, dust } = await foldWaiting(db, lane, {
    pageChanges: limits.foldPageChanges,
    strategy,
    flushRequestedAtMs,
    nowMs: now().getTime(),
  })
  await noteDust(db, lane, dust)
  const market = fold.nets.length === 0 ? null : await readMarket(batcher, lane, strategy)
  const plan = planBatches({
    fold,
    mode: lane.mode,
    strategy,
    market,
    flushRequestedAtMs,
    nowMs: now().getTime(),
    room,
    isMoreBehind: page.changes.length >= limits.foldPageChanges,
  })
  let sealed = 0
  for (const batch of plan.batches) {
    // Sealing many may outlast the lease, so it is renewed on the way.
    const lease = await keeper.get()
    if (lease === null) return { sealed, nextDeadlineMs: now().getTime() + limits.leasePollMs }
    const result = await seal(batcher, { lane, lease, strategy, market, page, batch })
    // Somebody paused the lane or took a change between our look and the lock: a new look, at once.
    if (result.outcome === "stale") return { sealed, nextDeadlineMs: now().getTime() }
    await batcher.step("sealed")
    if (result.batchSequence !== null) sealed += 1
  }
  if (plan.endedBy === "more_behind") return { sealed, nextDeadlineMs: now().getTime() }
  // When there is room again, a batch was mined, and that wakes us.
  if (plan.endedBy === "room") return { sealed, nextDeadlineMs: null }
  if (lane.flushRequestedAt !== null) await endFlush(db, lane, lane.flushRequestedAt)
  const deadlines = [...dust.map(({ untilMs }) => untilMs), plan.nextDeadlineMs ?? Number.POSITIVE_INFINITY]
  const nextDeadlineMs = deadlines.reduce((first, deadline) => Math.min(first, deadline))
  return { sealed, nextDeadlineMs: Number.isFinite(nextDeadlineMs) ? nextDeadlineMs : null }
}

function seal(
  { db, now }: Batcher,
  options: {
    readonly lane: LaneRow
    readonly lease: Lease
    readonly strategy: BatchStrategy
    readonly market: FeeMarket | null
    readonly page: WaitingPage
    readonly batch: PlannedBatch
  },
): Promise<SealResult> {
  const { lane, lease, strategy, market, page, batch } = options
  return sealBatch(db, {
    lane,
    lease,
    trigger: batch.trigger,
    batchCall: batch.batchCall,
    strategy: strategy.name,
    congestion: market?.congestion ?? null,
    sizeWanted: batch.sizeWanted,
    nets: batch.nets,
    zeros: batch.zeros,
    addressOf: (accountId) => {
      const address = page.accounts.get(accountId)?.address
      invariant(address !== undefined, `account ${accountId} was folded and not loaded`)
      return address
    },
    sealedAt: now(),
  })
}

async function readMarket(
  batcher: Batcher,
  lane: LaneRow,
  strategy: BatchStrategy,
): Promise<FeeMarket | null> {
  const reading = await batcher.readFees(lane.chainId, lane.blockTimeMs)
  return reading === null ? null : judgeMarket(reading, strategy.congestion)
}

/** How many batches may be sealed. A long queue is folded when there is room for many, not anew for each batch that is mined; what is urgent takes any room there is. */
async function findRoom(batcher: Batcher, lane: LaneRow): Promise<number> {
  const { laneInFlightMax } = batcher.limits
  const inFlight = await countInFlight(batcher, lane)
  const room = Math.max(0, laneInFlightMax - inFlight)
  if (inFlight <= laneInFlightMax / 2 || room === 0) return room
  return (await isUrgentWaiting(batcher.db, lane)) ? room : 0
}

async function countInFlight({ db }: Batcher, lane: LaneRow): Promise<number> {
  const { rows } = await sql<{ count: bigint }>`
    SELECT count(*) FROM settlement.batches
    WHERE ledger_id = ${lane.ledgerId} AND token_id = ${lane.tokenId}
      AND state IN (${sql.join(inFlightStates.map((state) => sql.lit(state)))})`.execute(db)
  return Number(rows[0]?.count ?? 0n)
}
