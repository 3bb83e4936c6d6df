import { ChainBridgeError } from "../../platform/errors.ts"
import { type Loop, startLoop } from "../../platform/loop.ts"
import type { Batcher } from "../batcher-context.ts"
import { takeIn } from "../store/intake.ts"
import { ensureLanes, type LaneRow, listLanes } from "../store/lanes.ts"
import { holdLane } from "../store/leases.ts"
import { watchLanes } from "../store/watch-lanes.ts"
import { evaluateLane } from "./evaluate-lane.ts"
import { keepLease, type LeaseKeeper } from "./lease-keeper.ts"

// A burst of appends becomes one evaluation.
const gapMs = 25

export type Lanes = {
  /** Something happened in this ledger; null: perhaps in any. */
  wake(ledgerId: string | null): void
  /** Keys of the lanes whose lease this process holds: see laneKey. */
  readonly held: () => ReadonlySet<string>
  stop(): Promise<void>
}

export function laneKey(lane: { readonly ledgerId: string; readonly tokenId: number }): string {
  return `${lane.ledgerId}/${lane.tokenId}`
}

/** Takes changes in and seals batches: on every wake-up for the ledger that changed, at deadlines, and over all lanes at the fallback interval. */
export function runLanes(batcher: Batcher): Lanes {
  const { db, limits, logger, now } = batcher
  const chainIds = [...batcher.chains.keys()]
  const changed = new Set<string>()
  const deadlines = new Map<string, { readonly ledgerId: string; readonly atMs: number }>()
  const keepers = new Map<string, LeaseKeeper>()
  const held = new Set<string>()
  let sweepAtMs = 0

  async function turn(): Promise<number> {
    const nowMs = now().getTime()
    const isSweep = nowMs >= sweepAtMs
    const due = new Set(changed)
    for (const { ledgerId, atMs } of deadlines.values()) if (atMs <= nowMs) due.add(ledgerId)
    changed.clear()
    try {
      if (isSweep) {
        await ensureLanes(db, chainIds)
        await watchLanes(db, chainIds)
        for (const lane of await listLanes(db, chainIds)) due.add(lane.ledgerId)
      }
      for (const ledgerId of due) await evaluateLedger(ledgerId)
    } catch (error) {
      // Nobody will announce these again.
      for (const ledgerId of due) changed.add(ledgerId)
      throw error
    }
    if (isSweep) sweepAtMs = now().getTime() + limits.fallbackPollMs
    return sleepMs()
  }

  async function evaluateLedger(ledgerId: string): Promise<void> {
    while (await takeIn(db, ledgerId, limits.intakePageEvents));
    let lanes = await listLanes(db, chainIds, ledgerId)
    if (lanes.length === 0) {
      await ensureLanes(db, chainIds)
      lanes = await listLanes(db, chainIds, ledgerId)
    }
    for (const lane of lanes) await evaluate(lane)
  }

  async function evaluate(lane: LaneRow): Promise<void> {
    const key = laneKey(lane)
    deadlines.delete(key)
    const keeper =
      keepers.get(key) ??
      keepLease({
        hold: () => holdLane(db, lane, batcher.processId, limits.leaseMs),
        leaseMs: limits.leaseMs,
      })
    keepers.set(key, keeper)
    const lease = await keeper.get()
    if (lease === null) {
      held.delete(key)
      deadlines.set(key, { ledgerId: lane.ledgerId, atMs: now().getTime() + limits.leasePollMs })
      return
    }
    held.add(key)
    try {
      const { sealed, nextDeadlineMs } = await evaluateLane(batcher, lane, keeper)
      if (nextDeadlineMs !== null) deadlines.set(key, { ledgerId: lane.ledgerId, atMs: nextDeadlineMs })
      if (sealed > 0) logger.info({ ledgerId: lane.ledgerId, token: lane.symbol, batches: sealed }, "sealed")
    } catch (error) {
      if (!(error instanceof ChainBridgeError) || error.code !== "LEASE_LOST") throw error
      keeper.drop()
      held.delete(key)
      deadlines.set(key, { ledgerId: lane.ledgerId, atMs: now().getTime() + limits.leasePollMs })
      logger.warn({ ledgerId: lane.ledgerId, token: lane.symbol }, "the lane's lease went to another process")
    }
  }

  function sleepMs(): number {
    const nextMs = Math.min(sweepAtMs, ...[...deadlines.values()].map(({ atMs }) => atMs))
    return Math.max(0, nextMs - now().getTime())
  }

  const loop: Loop = startLoop({ name: "lanes", logger, gapMs, turn })
  return {
    wake(ledgerId) {
      if (ledgerId === null || ledgerId === "") sweepAtMs = 0
      else changed.add(ledgerId)
      loop.wake()
    },
    held: () => held,
    stop: () => loop.stop(),
  }
}
