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
 * Every way that a call may go. The batcher makes those between `sealed` and `mined`. What ends or reopens a call belongs to events of the ledger, which follow the chain's logs: the worker decides them
 * (ledger/confirmations), and the state moves with the event (ledger/projections/settlement.ts and anchors.ts).
 */
const transitions: readonly Transition[] = [
  {
    from: ["sealed", "simulated"],
    to: ["simulated"],
    invariant:
      "the chain runs it behind everything that waits in the pools; it has no bytes. A nonce may be reserved for it from here on, which spends nothing and changes no state",
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
    invariant:
      "the block that had made the call is gone; the stored bytes are sent again, unless another block has them reverted, and its changes stay its own",
  },
  {
    from: ["simulated", "signed", "broadcast"],
    to: ["sealed"],
    invariant:
      "its nonce did not make the call and never will: something else used it up for good, or it was given up before anything was signed for it. It gets another one, with the same content",
  },
  {
    from: ["sealed", "simulated"],
    to: ["dead_letter"],
    invariant:
      "no transaction of it can be mined: it never had a nonce, or each of them is used up for good; its changes are free or held back",
  },
  {
    // The last two are of a database that was restored to a moment before something was signed, and of a checkpoint that a stranger anchored.
    from: ["sealed", "simulated", "signed", "broadcast", "mined", "dead_letter", "skipped"],
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
    to: ["broadcast", "simulated", "sealed", "dead_letter", "skipped"],
    invariant:
      "the block that ended it is gone; it goes on from what it has: bytes, a nonce, or neither, and then it is what it was before: sealed, taken apart, or an anchor that nobody needs",
  },
  {
    from: ["sealed", "simulated"],
    to: ["skipped"],
    invariant: "an anchor without a nonce, of which a later one says all that it would have said",
  },
  {
    from: ["skipped"],
    to: ["sealed"],
    invariant: "an anchor that is the newest again, since a reorganisation took a later one back",
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
