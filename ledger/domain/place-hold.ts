import type { AccountBalance } from "./adjust-balance.ts"
import type { ChangeData, EventDetails, NewEventOf } from "./events.ts"
import { operationFields, type WriteRequest } from "./write-request.ts"

export type PlaceHoldCommand = WriteRequest & {
  readonly kind: "PlaceHold"
  readonly userId: string
  readonly tokenId: number
  /** Above zero. */
  readonly amountBaseUnits: bigint
  /** From the moment of recording, or to a moment. */
  readonly expiry: { readonly inMs: number } | { readonly at: Date }
  /** What a capture will be recorded as. */
  readonly change: ChangeData
  readonly details: EventDetails
}

export type PlaceHoldRefusal =
  | {
      readonly refused: "INSUFFICIENT_BALANCE"
      readonly index: number
      readonly availableBaseUnits: bigint
    }
  /** The moment at which it was to expire has passed. */
  | { readonly refused: "EXPIRY_PASSED" }

type AccountState = { readonly accountId: bigint; readonly balance: AccountBalance }

/** @param account undefined for who has never had any of the token, and so has nothing to hold */
export function decidePlaceHold(
  account: AccountState | undefined,
  command: PlaceHoldCommand,
  at: Date,
): NewEventOf<"HoldPlaced"> | PlaceHoldRefusal {
  const { pending, locked } = account?.balance ?? { pending: 0n, locked: 0n }
  const available = pending > locked ? pending - locked : 0n
  if (account === undefined || command.amountBaseUnits > available)
    return { refused: "INSUFFICIENT_BALANCE", index: 0, availableBaseUnits: available }
  const expiresAt = "at" in command.expiry ? command.expiry.at : new Date(at.getTime() + command.expiry.inMs)
  if (expiresAt <= at) return { refused: "EXPIRY_PASSED" }
  return {
    ...operationFields(command, at),
    type: "HoldPlaced",
    data: {
      ...command.change,
      amount: command.amountBaseUnits.toString(),
      expires_at: expiresAt.toISOString(),
      request_hash: command.requestHash.toString("hex"),
    },
    account: { accountId: account.accountId, amount: 0n, balanceAfter: pending },
    details: command.details,
  }
}
