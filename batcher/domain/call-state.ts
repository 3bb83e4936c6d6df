import type { AnchorState } from "../../ledger/store/anchor-tables.ts"
import type { BatchState } from "../../ledger/store/database.ts"

/** Where a batch or an anchor stands on its way to the chain. */
export type CallState = BatchState | AnchorState

/**
 * Where a call may go from each state. `sealed` again: its nonce was spent in vain and it needs another one, with the same content.
 * `confirmed`, `cancelled` and the ways back from them belong to the ledger's events, which follow the chain's logs; an anchor that nothing was sent for may be `skipped` for a later one.
 */
const moves: Record<CallState, readonly CallState[]> = {
  sealed: ["simulated", "confirmed", "cancelled", "dead_letter", "skipped"],
  simulated: ["simulated", "sealed", "signed", "confirmed", "cancelled", "skipped"],
  signed: ["broadcast", "mined", "sealed", "confirmed", "cancelled"],
  broadcast: ["mined", "sealed", "confirmed", "cancelled"],
  mined: ["broadcast", "mined", "confirmed", "cancelled"],
  confirmed: ["broadcast", "simulated", "sealed"],
  skipped: ["confirmed"],
  cancelled: ["broadcast", "simulated", "sealed"],
  dead_letter: [],
}

export function canMove(from: CallState, to: CallState): boolean {
  return moves[from].includes(to)
}

/** States of a call whose transaction is not on chain yet, as far as we have seen. */
export const inFlightStates = [
  "sealed",
  "simulated",
  "signed",
  "broadcast",
] as const satisfies readonly (BatchState & AnchorState)[]

/** States that the signer's desk still has something to do for. */
export const openStates = [...inFlightStates, "mined"] as const satisfies readonly (BatchState &
  AnchorState)[]
