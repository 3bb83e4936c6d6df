import { setTimeout as sleep } from "node:timers/promises"
import type { PlannedFault } from "../plan/draw-plan.ts"
import type { FaultKind } from "../plan/fault-kinds.ts"
import type { ChaosStack } from "../stack/open-stack.ts"
import { provokeOfChain } from "./chain-faults.ts"
import { provokeOfNode } from "./node-faults.ts"
import { provokeOfProcess } from "./process-faults.ts"

/** What a fault is done to, and where what is seen goes. */
export type FaultContext = {
  readonly stack: ChaosStack
  readonly note: (text: string) => void
}

/** Goes through the faults of a track. @returns how often each was seen to happen, in its order */
export async function provokeTrack(
  context: FaultContext,
  faults: readonly PlannedFault[],
): Promise<(readonly [FaultKind, number])[]> {
  const seen: (readonly [FaultKind, number])[] = []
  for (const fault of faults) {
    await sleep(fault.pauseMs)
    const began = Date.now()
    const count = await provoke(context, fault)
    context.note(`${fault.kind}: seen ${count} times, took ${Date.now() - began} ms`)
    seen.push([fault.kind, count])
  }
  return seen
}

function provoke(context: FaultContext, fault: PlannedFault): Promise<number> {
  switch (fault.kind) {
    case "timeout-before-accepting":
    case "timeout-after-accepting":
    case "status-429":
    case "status-500":
    case "html":
    case "garbage":
    case "lag":
    case "stale-nonce":
    case "transaction-dropped":
      return provokeOfNode(context, { ...fault, kind: fault.kind })
    case "reorg-1":
    case "reorg-2":
    case "reorg-3":
    case "reorg-4":
    case "reorg-5":
    case "fee-spike":
    case "signer-drained":
      return provokeOfChain(context, { ...fault, kind: fault.kind })
    default:
      return provokeOfProcess(context, { ...fault, kind: fault.kind })
  }
}
