import type { FaultKind } from "../plan/fault-kinds.ts"

/** How often each kind of fault was seen to have happened. What was merely asked for is not counted. */
export type Tally = ReadonlyMap<FaultKind, number>

export function addTally(to: Map<FaultKind, number>, from: Iterable<readonly [FaultKind, number]>): void {
  for (const [kind, count] of from) if (count > 0) to.set(kind, (to.get(kind) ?? 0) + count)
}
