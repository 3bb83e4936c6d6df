import type { AccountEffect } from "./effects.ts"
import type { EventType, NewEvent } from "./events.ts"

/** What says something new of the chain's side of an account. */
const confirmationTypes: ReadonlySet<EventType> = new Set([
  "SettlementConfirmed",
  "DepositObserved",
  "WithdrawalObserved",
  "ConfirmationRevoked",
])

/** Whether the event says something new of the chain's side of the accounts that it touches. */
export function isConfirmation({ type }: Pick<NewEvent, "type">): boolean {
  return confirmationTypes.has(type)
}

/** Whether an effect of the event leaves a row behind in `ledger.balance_history`: a plain change says its balance itself. */
export function leavesPoint(event: Pick<NewEvent, "type">, effect: AccountEffect): boolean {
  return isConfirmation(event) || effect.locked !== 0n
}
