import type { BatchCall, SettlementMode } from "../../ledger/domain/batch-calls.ts"
import { invariant } from "../../platform/errors.ts"

/** What the batcher has to know of a settlement mode; what it has to know of a call stands with the call. */
export type ModeTraits = {
  /** The call that credits, and the one that debits: where they are the same, a batch holds both. */
  readonly credits: BatchCall
  readonly debits: BatchCall
}

/** Modes that batches are sealed in. A token of any other mode has no lane. */
export const settlementModes: Readonly<Partial<Record<SettlementMode, ModeTraits>>> = {
  settle: { credits: "settle", debits: "settle" },
  "batch-mint-burn": { credits: "batch_mint", debits: "batch_burn" },
}

export const settledModes = Object.keys(settlementModes) as SettlementMode[]

export function traitsOf(mode: SettlementMode): ModeTraits {
  const traits = settlementModes[mode]
  invariant(traits !== undefined, `no batches are sealed in the mode ${mode}`)
  return traits
}
