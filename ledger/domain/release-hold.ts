import type { AccountBalance } from "./adjust-balance.ts"
import type { NewEventOf } from "./events.ts"
import { type Hold, type HoldEndedRefusal, openHold } from "./hold.ts"
import { operationFields, type WriteRequest } from "./write-request.ts"

export type ReleaseHoldCommand = WriteRequest & {
  readonly kind: "ReleaseHold"
  readonly holdPosition: bigint
}

export type ReleaseHoldRefusal = HoldEndedRefusal

type State = { readonly hold: Hold | undefined; readonly balance: AccountBalance }

export function decideReleaseHold(
  state: State,
  command: ReleaseHoldCommand,
  at: Date,
): NewEventOf<"HoldReleased"> | ReleaseHoldRefusal {
  const open = openHold(state.hold, at)
  if ("refused" in open) return open
  const { hold } = open
  return {
    ...operationFields(command, at),
    type: "HoldReleased",
    data: {
      hold_position: Number(hold.position),
      released: hold.amountBaseUnits.toString(),
      request_hash: command.requestHash.toString("hex"),
    },
    account: { accountId: hold.accountId, amount: 0n, balanceAfter: state.balance.pending },
    details: null,
  }
}
