import { setTimeout as sleep } from "node:timers/promises"
import type { RpcFaultRule } from "../../support/rpc-fault-proxy.ts"
import type { PlannedFault } from "../plan/draw-plan.ts"
import type { tracks } from "../plan/fault-kinds.ts"
import { nodes } from "../stack/open-stack.ts"
import type { FaultContext } from "./provoke.ts"

type NodeFault = PlannedFault & { readonly kind: (typeof tracks.node)[number] }

/** In this time a batcher takes over from one that was killed, sends something, and gives up waiting for the answer. */
const patienceMs = 40_000
const sendMethod = "eth_sendRawTransaction"

/** Has nodes misbehave for a while, at least until the first request got to feel it. */
export async function provokeOfNode({ stack: { proxy } }: FaultContext, fault: NodeFault): Promise<number> {
  const { rule, methods, counted } = ruleOf(fault)
  const before = proxy.provoked.get(counted) ?? 0
  const count = () => (proxy.provoked.get(counted) ?? 0) - before
  // Another node would take what this one forgets.
  const isEverywhere = fault.nodes === "both" || fault.kind === "transaction-dropped"
  const paths = isEverywhere ? nodes : [nodes[fault.nodes === "first" ? 0 : 1]]
  for (const path of paths) for (const method of methods) proxy.set(method, rule, undefined, path)
  await sleep(fault.durationMs)
  // Where nothing that was chosen is asked for, because nobody is left to ask, everything is.
  if (count() === 0 && isAnswer(fault)) for (const path of paths) proxy.set("*", rule, undefined, path)
  for (const deadline = Date.now() + patienceMs; count() === 0 && Date.now() < deadline; ) await sleep(50)
  for (const path of paths) for (const method of ["*", ...methods]) proxy.unset(method, path)
  return count()
}

/** Whether any request will do. */
function isAnswer({ kind }: NodeFault): boolean {
  return kind === "status-429" || kind === "status-500" || kind === "html" || kind === "garbage"
}

function ruleOf({ kind, size, choice }: NodeFault): {
  readonly rule: RpcFaultRule
  readonly methods: readonly string[]
  readonly counted: string
} {
  const methods = choice % 2 === 0 ? ["*"] : [sendMethod, "eth_getTransactionReceipt", "eth_call"]
  switch (kind) {
    case "timeout-before-accepting":
      return { rule: { fault: "hold" }, methods: choice % 3 === 0 ? ["*"] : [sendMethod], counted: "hold" }
    case "timeout-after-accepting":
      return { rule: { fault: "swallow_answer" }, methods: [sendMethod], counted: "swallow_answer" }
    case "status-429":
      return { rule: { fault: "status", status: 429 }, methods, counted: "429" }
    case "status-500":
      return { rule: { fault: "status", status: 500 }, methods, counted: "500" }
    case "html":
      return { rule: { fault: "html" }, methods, counted: "html" }
    case "garbage":
      return { rule: { fault: "garbage" }, methods, counted: "garbage" }
    case "lag":
      return { rule: { fault: "lag", blocks: size }, methods: ["*"], counted: "lag" }
    case "stale-nonce":
      return {
        rule: { fault: "stale_nonce", behind: size },
        methods: ["eth_getTransactionCount"],
        counted: "stale_nonce",
      }
    case "transaction-dropped":
      return { rule: { fault: "drop" }, methods: [sendMethod], counted: "drop" }
  }
}
