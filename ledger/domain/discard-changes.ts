import type { AccountBalance } from "./adjust-balance.ts"
import { amountLimit } from "./amount.ts"
import type { NewEventOf } from "./events.ts"

/** Changes of one account that were given up. */
export type GivenUpChanges = {
  readonly accountId: bigint
  /** Ascending. */
  readonly changes: readonly { readonly position: bigint; readonly amount: bigint }[]
  /** The first of them that a reversal has taken back already, and its position. */
  readonly reversed: { readonly position: bigint; readonly reversedBy: bigint } | null
}

export type DiscardRefusal =
  | { readonly refused: "NOTHING_TO_DISCARD" }
  /** Together with its reversal it is nothing: tried again, both are settled without the chain. */
  | { readonly refused: "ALREADY_REVERSED"; readonly reversedBy: bigint }
  | { readonly refused: "INSUFFICIENT_BALANCE"; readonly availableBaseUnits: bigint }
  | { readonly refused: "BALANCE_OUT_OF_RANGE" }

/** Takes changes that the chain will never have out of a balance. What was given with them may have been spent: then they stay. */
export function decideDiscard(
  givenUp: GivenUpChanges,
  before: AccountBalance,
  said: { readonly reason: string; readonly requestedBy: string; readonly causation: string },
  at: Date,
): NewEventOf<"SettlementDiscarded"> | DiscardRefusal {
  const { accountId, changes, reversed } = givenUp
  if (changes.length === 0) return { refused: "NOTHING_TO_DISCARD" }
  if (reversed !== null) return { refused: "ALREADY_REVERSED", reversedBy: reversed.reversedBy }
  const amount = -changes.reduce((sum, change) => sum + change.amount, 0n)
  const pending = before.pending + amount
  if (amount < 0n && pending < before.locked) {
    const available = before.pending - before.locked
    return { refused: "INSUFFICIENT_BALANCE", availableBaseUnits: available > 0n ? available : 0n }
  }
  if (pending >= amountLimit) return { refused: "BALANCE_OUT_OF_RANGE" }
  return {
    type: "SettlementDiscarded",
    data: {
      positions: changes.map(({ position }) => Number(position)),
      reason: said.reason,
      requested_by: said.requestedBy,
    },
    account: { accountId, amount, balanceAfter: pending },
    operation: null,
    occurredAt: at,
    causation: said.causation,
    details: null,
  }
}
