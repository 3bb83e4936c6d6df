import type { BatchCall, SettlementMode } from "../../ledger/domain/batch-calls.ts"

/** What the batcher has to know of a settlement mode; what it has to know of a call stands with the call. */
export type ModeTraits = {
  /** The call that credits, and the one that debits: where they are the same, a batch holds both. null: there is none, and what would need one is refused when it is asked for. */
  readonly credits: BatchCall
  readonly debits: BatchCall | null
}

/** What each mode is settled by. */
export const settlementModes: Readonly<Record<SettlementMode, ModeTraits>> = {
  settle: { credits: "settle", debits: "settle" },
  "batch-mint-burn": { credits: "batch_mint", debits: "batch_burn" },
  treasury: { credits: "treasury_settle", debits: null },
}

export function traitsOf(mode: SettlementMode): ModeTraits {
  return settlementModes[mode]
}
