import { randomUUID } from "node:crypto"
import { createBatcher } from "../../batcher/batcher-context.ts"
import { evaluateLane } from "../../batcher/lanes/evaluate-lane.ts"
import { takeIn } from "../../batcher/store/intake.ts"
import { ensureLanes, listLanes } from "../../batcher/store/lanes.ts"
import { holdLane } from "../../batcher/store/leases.ts"
import { createLogger } from "../../platform/logger.ts"
import { chainId, type SettlementSystem } from "./settlement-system.ts"

export type SealFigures = {
  readonly seals: number
  readonly recipients: number
  /** Of one seal, on average. */
  readonly changes: number
  readonly p50Ms: number
  readonly p95Ms: number
}

const leaseMs = 60_000

/** Records two changes for each account and seals them in batches of `size`, one after the other, without a chain: from one commit to the next. */
export async function measureSeals(
  system: SettlementSystem,
  options: { readonly accounts: number; readonly size: number; readonly strategy: object },
): Promise<SealFigures> {
  const { db, ledgerId } = system
  await db
    .updateTable("registry.tokens")
    .set({ strategy: JSON.stringify(options.strategy) })
    .execute()
  for (const amount of [5n, 7n])
    await system.record(
      Array.from({ length: options.accounts }, (_, index) => [`user-${index}`, amount] as const),
    )
  const times: number[] = []
  let last = 0
  const batcher = createBatcher({
    db,
    databaseUrl: "",
    logger: createLogger("bench", "silent"),
    chains: new Map(),
    processId: randomUUID(),
    limits: { laneInFlightMax: 1_000, foldPageChanges: 100_000, leaseMs },
    onStep() {
      const now = performance.now()
      // The first one has the fold in it.
      if (last > 0) times.push(now - last)
      last = now
    },
  })
  await ensureLanes(db, [chainId])
  while (await takeIn(db, ledgerId, 5_000));
  const [lane] = await listLanes(db, [chainId])
  if (lane === undefined) throw new Error("there is no lane")
  const lease = await holdLane(db, lane, batcher.processId, leaseMs)
  const { sealed } = await evaluateLane(batcher, lane, { get: async () => lease })
  times.sort((a, b) => a - b)
  const at = (part: number) => times[Math.floor(times.length * part)] ?? Number.NaN
  return {
    seals: sealed,
    recipients: options.size,
    changes: options.size * 2,
    p50Ms: at(0.5),
    p95Ms: at(0.95),
  }
}
