import type { AccountBalance } from "./adjust-balance.ts"
import type { EventDetails, NewEventOf } from "./events.ts"
import { type Hold, type HoldEndedRefusal, openHold } from "./hold.ts"
import { operationFields, type WriteRequest } from "./write-request.ts"

export type CaptureHoldCommand = WriteRequest & {
  readonly kind: "CaptureHold"
  readonly holdPosition: bigint
  /** Above zero; the whole hold where it is null. */
  readonly amountBaseUnits: bigint | null
  /** The hold's own where it is null. */
  readonly details: EventDetails | null
}

export type CaptureHoldRefusal =
  | HoldEndedRefusal
  | { readonly refused: "CAPTURE_TOO_LARGE"; readonly heldBaseUnits: bigint }
  | {
      readonly refused: "INSUFFICIENT_BALANCE"
      readonly index: number
      readonly availableBaseUnits: bigint
    }

/**
 * Takes all or part of a hold and gives the rest back. The chain may have taken money out of the account since: what is not there cannot be captured, and the hold stays.
 * @param state of the hold and of its account
 */
export function decideCaptureHold(
  state: { readonly hold: Hold | undefined; readonly balance: AccountBalance },
  command: CaptureHoldCommand,
  at: Date,
): NewEventOf<"HoldCaptured"> | CaptureHoldRefusal {
  const open = openHold(state.hold, at)
  if ("refused" in open) return open
  const { hold } = open
  const captured = command.amountBaseUnits ?? hold.amountBaseUnits
  if (captured > hold.amountBaseUnits)
    return { refused: "CAPTURE_TOO_LARGE", heldBaseUnits: hold.amountBaseUnits }
  const { pending } = state.balance
  if (captured > pending) {
    return { refused: "INSUFFICIENT_BALANCE", index: 0, availableBaseUnits: pending > 0n ? pending : 0n }
  }
  return {
    ...operationFields(command, at),
    type: "HoldCaptured",
    data: {
      ...hold.change,
      request_hash: command.requestHash.toString("hex"),
      hold_position: Number(hold.position),
      captured: captured.toString(),
      released: (hold.amountBaseUnits - captured).toString(),
    },
    account: { accountId: hold.accountId, amount: -captured, balanceAfter: pending - captured },
    details: command.details ?? hold.details,
  }
}
