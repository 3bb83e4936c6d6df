// Reads over HTTP, as a process of its own. BENCH_TARGETS: JSON of HttpTarget[]; the connections are dealt to them in turn.
import { createHistogram } from "node:perf_hooks"
import { setTimeout as sleep } from "node:timers/promises"
import { type HttpCaller, type HttpTarget, openHttpCaller } from "./http-caller.ts"
import type { ReadOrder, ReadResult } from "./read-order.ts"

const targets = JSON.parse(process.env["BENCH_TARGETS"] ?? "[]") as HttpTarget[]

process.on("message", (order: ReadOrder) => {
  run(order).then(
    (result) => process.send?.({ result }),
    (error: unknown) => process.send?.({ error: error instanceof Error ? error.message : String(error) }),
  )
})
process.on("disconnect", () => process.exit(0))
process.send?.("ready")

async function run(order: ReadOrder): Promise<ReadResult> {
  const callers = await Promise.all(
    Array.from({ length: order.connections }, (_, index) => {
      const target = targets[index % targets.length]
      if (target === undefined) throw new Error("there is no target")
      return openHttpCaller(target)
    }),
  )
  const latencyUs = createHistogram()
  const { paths, headers } = order
  const read = async (caller: HttpCaller, from: number): Promise<void> => {
    await caller.get(paths[Math.floor(Math.random() * paths.length)] ?? "", headers)
    latencyUs.record(Math.max(1, Math.round((performance.now() - from) * 1_000)))
  }
  const began = performance.now()
  const deadline = began + order.seconds * 1_000
  try {
    if (order.perSecond === null) {
      await Promise.all(
        callers.map(async (caller) => {
          while (performance.now() < deadline) await read(caller, performance.now())
        }),
      )
    } else {
      await runPaced(callers, order.perSecond, began, deadline, read)
    }
  } finally {
    for (const caller of callers) caller.close()
  }
  const seconds = (performance.now() - began) / 1_000
  return {
    requests: latencyUs.count,
    perSecond: latencyUs.count / seconds,
    p50Ms: latencyUs.percentile(50) / 1_000,
    p99Ms: latencyUs.percentile(99) / 1_000,
    maxMs: latencyUs.max / 1_000,
  }
}

/** Counts from the moment at which a request was due: one that found every connection busy has waited, too. */
async function runPaced(
  callers: readonly HttpCaller[],
  perSecond: number,
  began: number,
  deadline: number,
  read: (caller: HttpCaller, from: number) => Promise<void>,
): Promise<void> {
  const idle = [...callers]
  const due: number[] = []
  const underWay = new Set<Promise<void>>()
  const gapMs = 1_000 / perSecond
  const dispatch = (): void => {
    while (due.length > 0) {
      const caller = idle.pop()
      const from = due[0]
      if (caller === undefined || from === undefined) {
        if (caller !== undefined) idle.push(caller)
        return
      }
      due.shift()
      const one = read(caller, from).then(() => {
        underWay.delete(one)
        idle.push(caller)
        dispatch()
      })
      underWay.add(one)
    }
  }
  for (let next = began; next < deadline; ) {
    for (const now = performance.now(); next <= now && next < deadline; next += gapMs) due.push(next)
    dispatch()
    await sleep(1)
  }
  while (underWay.size > 0 || due.length > 0) await Promise.all(underWay)
}
