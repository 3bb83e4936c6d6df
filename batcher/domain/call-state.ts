import type { AnchorState } from "../../ledger/store/anchor-tables.ts"
import type { BatchState } from "../../ledger/store/database.ts"

/** Where a batch or an anchor stands on its way to the chain. */
export type CallState = BatchState | AnchorState

type Transition = {
  readonly from: readonly CallState[]
  readonly to: readonly CallState[]
  /** What is true whenever it is made, and stays true if the process dies right after it. */
  readonly invariant: string
}

/**
 * Every way that a call may go. The batcher makes those between `sealed` and `mined`; what ends or reopens a batch belongs to events of the ledger, which follow the chain's logs.
 */
const transitions: readonly Transition[] = [
  {
    from: ["sealed", "simulated"],
    to: ["simulated"],
    invariant:
      "the chain runs it behind everything that waits in the pools; it has no nonce, so nothing is spent",
  },
  {
    from: ["simulated"],
    to: ["signed"],
    invariant: "its nonce is reserved for it alone and the signed bytes are committed; nobody has seen them",
  },
  {
    from: ["signed"],
    to: ["broadcast"],
    invariant: "a node may have the bytes; from now on only receipts and logs say what became of them",
  },
  {
    from: ["signed", "broadcast", "mined"],
    to: ["mined"],
    invariant:
      "a block has one of its nonce's transactions; it settles nothing before the logs are deep enough",
  },
  {
    from: ["mined"],
    to: ["broadcast"],
    invariant: "no block has it any more; the stored bytes are sent again, and its changes stay its own",
  },
  {
    from: ["simulated", "signed", "broadcast"],
    to: ["sealed"],
    invariant:
      "its nonce is used up for good and did not make the call; it gets another one, with the same content",
  },
  {
    from: ["sealed", "simulated"],
    to: ["dead_letter"],
    invariant:
      "no transaction of it can be mined: it never had a nonce, or each of them is used up for good; its changes are free or held back",
  },
  {
    from: ["sealed", "simulated", "signed", "broadcast", "mined", "skipped"],
    to: ["confirmed"],
    invariant:
      "logs that are as deep as configured show it with the content that was sealed, and no other confirmation of it stands",
  },
  {
    from: ["sealed", "simulated", "signed", "broadcast", "mined"],
    to: ["cancelled"],
    invariant:
      "logs that are as deep as configured show that its id is burned and was not settled; its changes are free",
  },
  {
    from: ["confirmed", "cancelled"],
    to: ["broadcast", "simulated", "sealed"],
    invariant: "the block that ended it is gone; it goes on from what it has: bytes, a nonce, or neither",
  },
  {
    from: ["sealed", "simulated"],
    to: ["skipped"],
    invariant: "an anchor without a nonce, of which a later one says all that it would have said",
  },
]

export function canMove(from: CallState, to: CallState): boolean {
  return transitions.some((transition) => transition.from.includes(from) && transition.to.includes(to))
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
