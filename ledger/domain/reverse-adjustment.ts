import { type AccountBalance, emptyBalance } from "./adjust-balance.ts"
import { amountLimit } from "./amount.ts"
import { type ChangeData, changeDataOf, type EventDetails, type NewEventOf } from "./events.ts"
import { operationFields, type WriteRequest } from "./write-request.ts"

export type ReverseAdjustmentCommand = WriteRequest & {
  readonly kind: "ReverseAdjustment"
  /** Of the adjustment that is taken back. */
  readonly position: bigint
  readonly details: EventDetails
}

/** An event that somebody wants to take back, and what has become of it. */
export type Original = {
  readonly position: bigint
  readonly type: string
  readonly accountId: bigint
  readonly userId: string
  readonly tokenId: number
  readonly amountBaseUnits: bigint
  /** Of a change; other types have other data. */
  readonly data: ChangeData
  /** Position of the event that took it back. */
  readonly reversedBy: bigint | null
}

export type ReverseAdjustmentRefusal =
  | { readonly refused: "UNKNOWN_TRANSACTION" }
  | { readonly refused: "NOT_REVERSIBLE"; readonly type: string }
  | { readonly refused: "ALREADY_REVERSED"; readonly reversedBy: bigint }
  | {
      readonly refused: "INSUFFICIENT_BALANCE"
      readonly index: number
      readonly availableBaseUnits: bigint
    }
  | { readonly refused: "BALANCE_OUT_OF_RANGE"; readonly index: number }

/** What a decision of a caller's took or gave can be given back or taken, whatever settlement has made of it. What the chain did is a fact, and a reversal is final. */
const reversibleTypes: ReadonlySet<string> = new Set(["AdjustmentRecorded", "HoldCaptured"])
/** Events that a caller can name by a tx_id and that nobody can take back. */
const finalTypes: ReadonlySet<string> = new Set([
  "AdjustmentReversed",
  "DepositObserved",
  "WithdrawalObserved",
  "SettlementDiscarded",
])

export function decideReverseAdjustment(
  state: { readonly original: Original | undefined; readonly balance: AccountBalance | undefined },
  command: ReverseAdjustmentCommand,
  at: Date,
): NewEventOf<"AdjustmentReversed"> | ReverseAdjustmentRefusal {
  const { original, balance: before = emptyBalance } = state
  if (original === undefined) return { refused: "UNKNOWN_TRANSACTION" }
  if (!reversibleTypes.has(original.type)) {
    return finalTypes.has(original.type)
      ? { refused: "NOT_REVERSIBLE", type: original.type }
      : { refused: "UNKNOWN_TRANSACTION" }
  }
  if (original.reversedBy !== null) return { refused: "ALREADY_REVERSED", reversedBy: original.reversedBy }
  const amount = -original.amountBaseUnits
  const pending = before.pending + amount
  if (amount < 0n && pending < before.locked) {
    const available = before.pending - before.locked
    return { refused: "INSUFFICIENT_BALANCE", index: 0, availableBaseUnits: available > 0n ? available : 0n }
  }
  if (pending >= amountLimit || pending <= -amountLimit) return { refused: "BALANCE_OUT_OF_RANGE", index: 0 }
  return {
    ...operationFields(command, at),
    type: "AdjustmentReversed",
    data: {
      ...changeDataOf(original.data),
      confirmed_after: before.confirmed.toString(),
      reversed_position: Number(original.position),
      request_hash: command.requestHash.toString("hex"),
    },
    account: { accountId: original.accountId, amount, balanceAfter: pending },
    details: command.details,
  }
}
