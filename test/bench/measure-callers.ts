import { createHistogram, type RecordableHistogram } from "node:perf_hooks"
import type { LoadOrder, LoadResult } from "./load-order.ts"

/**
 * Runs callers that each send one operation after the other, until the order's time is over, and waits for what is under way.
 * @param openCaller makes a caller of a target; its `send` resolves when the operation is recorded and rejects when it is not
 */
export async function measureCallers(
  order: LoadOrder,
  openCaller: (target: number) => Promise<Caller>,
): Promise<LoadResult> {
  const latencyUs = createHistogram()
  const byTarget = order.targets.map(() => 0)
  const callers = await Promise.all(
    Array.from({ length: order.connections }, async (_, index) => {
      const slot = index % order.targets.length
      return { slot, caller: await openCaller(order.targets[slot] ?? 0) }
    }),
  )
  try {
    let left = order.operations ?? Number.POSITIVE_INFINITY
    const began = performance.now()
    const deadline = began + order.seconds * 1_000
    await Promise.all(
      callers.map(async ({ slot, caller }) => {
        for (let at = performance.now(); at < deadline && left > 0; ) {
          left -= 1
          await caller.send()
          const answered = performance.now()
          latencyUs.record(Math.max(1, Math.round((answered - at) * 1_000)))
          byTarget[slot] = (byTarget[slot] ?? 0) + 1
          at = answered
        }
      }),
    )
    return toResult(order, latencyUs, (performance.now() - began) / 1_000, byTarget)
  } finally {
    for (const { caller } of callers) caller.close()
  }
}

export type Caller = { send(): Promise<void>; close(): void }

function toResult(
  order: LoadOrder,
  latencyUs: RecordableHistogram,
  seconds: number,
  byTarget: readonly number[],
): LoadResult {
  return {
    operations: latencyUs.count,
    adjustments: latencyUs.count * order.perRequest,
    seconds,
    p50Ms: latencyUs.percentile(50) / 1_000,
    p99Ms: latencyUs.percentile(99) / 1_000,
    maxMs: latencyUs.max / 1_000,
    byTarget,
  }
}
