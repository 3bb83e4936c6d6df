// Makes load over HTTP, as a process of its own. BENCH_TARGETS: JSON of HttpTarget[].
import { type HttpTarget, openHttpCaller } from "./http-caller.ts"
import type { LoadOrder } from "./load-order.ts"
import { serveOrders } from "./load-process.ts"
import { measureCallers } from "./measure-callers.ts"
import { adjustmentJson, drawAdjustments, operationIds, prebuiltMax, takeTurns } from "./operations.ts"

const targets = JSON.parse(process.env["BENCH_TARGETS"] ?? "[]") as HttpTarget[]
const nextId = operationIds()
/** From here on bodies are built before the clock runs. */
const prebuildFrom = 16
let seed = Date.now()

serveOrders((order) => {
  const nextRest = restOfBodies(order)
  return measureCallers(order, async (target) => {
    const found = targets[target]
    if (found === undefined) throw new Error(`there is no target ${target}`)
    const caller = await openHttpCaller(found)
    return {
      send: () => caller.post(`{"operation_id":"${nextId()}","adjustments":[`, nextRest()),
      close: caller.close,
    }
  })
})

/** What follows the operation's id. */
function restOfBodies(order: LoadOrder): () => Buffer | string {
  seed += 1
  const draw = drawAdjustments(order, seed)
  if (order.perRequest === 1) return () => `${adjustmentJson(draw())}]}`
  const build = (): Buffer =>
    Buffer.from(`${Array.from({ length: order.perRequest }, () => adjustmentJson(draw())).join(",")}]}`)
  if (order.perRequest < prebuildFrom || order.pick === "each") return build
  const bodies = Array.from({ length: Math.ceil(prebuiltMax / order.perRequest) }, build)
  return takeTurns(bodies, build)
}
