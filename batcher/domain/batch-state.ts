import type { BatchState } from "../../ledger/store/database.ts"

/**
 * Where a batch may go from each state. `sealed` again: its nonce was spent in vain and it needs another one, with the same id and the same deltas.
 * `confirmed` and the way back from it belong to the ledger's events, `cancelled` to the chain.
 */
const moves: Record<BatchState, readonly BatchState[]> = {
  sealed: ["simulated", "confirmed", "cancelled", "dead_letter"],
  simulated: ["simulated", "sealed", "signed", "confirmed", "cancelled"],
  signed: ["broadcast", "mined", "sealed", "confirmed"],
  broadcast: ["mined", "sealed", "confirmed", "cancelled"],
  mined: ["broadcast", "mined", "confirmed"],
  confirmed: ["broadcast", "simulated", "sealed"],
  cancelled: [],
  dead_letter: [],
}

export function canMove(from: BatchState, to: BatchState): boolean {
  return moves[from].includes(to)
}

/** States of a batch whose transaction is not on chain yet, as far as we have seen. */
export const inFlightStates = [
  "sealed",
  "simulated",
  "signed",
  "broadcast",
] as const satisfies readonly BatchState[]

/** States that the signer's desk still has something to do for. */
export const openStates = [...inFlightStates, "mined"] as const satisfies readonly BatchState[]
