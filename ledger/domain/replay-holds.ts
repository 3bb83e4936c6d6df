import type { NewEvent, NewEventOf } from "./events.ts"
import { ReplayFault } from "./replay-fault.ts"

export type OpenHold = { readonly accountId: bigint; readonly amount: bigint; readonly expiresAt: Date }

type Holds = { readonly openHolds: Map<bigint, OpenHold> }

export function placeHold({ openHolds }: Holds, position: bigint, event: NewEventOf<"HoldPlaced">): void {
  const account = accountOf(event)
  if (account.amount !== 0n) throw new ReplayFault("a hold that changes the balance when it is placed")
  const { amount, expires_at: expiresAt } = event.data
  openHolds.set(position, {
    accountId: account.accountId,
    amount: BigInt(amount),
    expiresAt: new Date(expiresAt),
  })
}

/** A capture, a release and an expiry each end the whole hold, whichever of them comes first: the first two before its time is over, the last one after that. */
export function endHold(
  { openHolds }: Holds,
  event: NewEventOf<"HoldCaptured" | "HoldReleased" | "HoldExpired">,
): void {
  const { hold_position: position, released } = event.data
  const captured = event.type === "HoldCaptured" ? BigInt(event.data.captured) : 0n
  const account = accountOf(event)
  const hold = openHolds.get(BigInt(position))
  if (hold === undefined) throw new ReplayFault(`there is no open hold of position ${position}`)
  if (hold.accountId !== account.accountId) {
    throw new ReplayFault(`the hold of position ${position} is on account ${hold.accountId}`)
  }
  if (captured + BigInt(released) !== hold.amount) {
    throw new ReplayFault(
      `the hold of position ${position} keeps ${hold.amount}, and ${captured} + ${released} of it end`,
    )
  }
  const isOver = event.occurredAt >= hold.expiresAt
  if (isOver !== (event.type === "HoldExpired")) {
    throw new ReplayFault(
      `the hold of position ${position} lasts until ${hold.expiresAt.toISOString()}, and a ${event.type} ends it at ${event.occurredAt.toISOString()}`,
    )
  }
  if (account.amount !== -captured) {
    throw new ReplayFault(`a capture of ${captured} moves the account by ${account.amount}`)
  }
  openHolds.delete(BigInt(position))
}

function accountOf({ type, account }: NewEvent): NonNullable<NewEvent["account"]> {
  if (account === null) throw new ReplayFault(`${type} without an account`)
  return account
}
