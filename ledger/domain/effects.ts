import { unreachable } from "../../platform/errors.ts"
import type { NewEvent } from "./events.ts"
import { ReplayFault } from "./replay-fault.ts"

/** What one event does to one account, in base units. `unsettled` moves with changes that are not on chain yet. */
export type AccountEffect = {
  readonly accountId: bigint
  readonly pending: bigint
  readonly confirmed: bigint
  /** Held back from spending. */
  readonly locked: bigint
}

/**
 * How an event moves balances. Every reader of the log (the live projection, a rebuild, the verifier) uses this one function.
 * @returns an entry per touched account; none where the event moves no money
 * @throws ReplayFault when the event is about an account and names none
 */
export function effectsOf(event: Pick<NewEvent, "type" | "data" | "account">): AccountEffect[] {
  const { type } = event
  switch (type) {
    case "AccountOpened":
      return [{ accountId: accountOf(event), pending: 0n, confirmed: 0n, locked: 0n }]
    case "AdjustmentRecorded":
    case "AdjustmentReversed":
    case "SettlementDiscarded":
      return [{ accountId: accountOf(event), pending: amountOf(event), confirmed: 0n, locked: 0n }]
    case "HoldPlaced":
    case "HoldCaptured":
    case "HoldReleased":
    case "HoldExpired":
      return [
        { accountId: accountOf(event), pending: amountOf(event), confirmed: 0n, locked: lockedBy(event) },
      ]
    case "DepositObserved":
    case "WithdrawalObserved":
      return [
        { accountId: accountOf(event), pending: amountOf(event), confirmed: amountOf(event), locked: 0n },
      ]
    case "SettlementConfirmed":
      return movesOf(event).map(({ accountId, settled, amount }) => ({
        accountId,
        pending: amount - settled,
        confirmed: amount,
        locked: 0n,
      }))
    case "ConfirmationRevoked":
      return movesOf(event).map(({ accountId, settled, amount }) => ({
        accountId,
        pending: settled - amount,
        confirmed: -amount,
        locked: 0n,
      }))
    case "SettlementSealed":
    case "SettlementNetted":
    case "SettlementDeferred":
    case "SettlementDissolved":
    case "SettlementCancelled":
    case "DetailsRedacted":
    case "CheckpointAnchored":
      return []
    default:
      return unreachable(type)
  }
}

/** A hold locks its amount; whatever ends it unlocks all of it. */
function lockedBy({ type, data }: Pick<NewEvent, "type" | "data">): bigint {
  const { amount, captured, released } = data as { amount?: string; captured?: string; released?: string }
  return type === "HoldPlaced" ? BigInt(amount ?? 0) : -(BigInt(captured ?? 0) + BigInt(released ?? 0))
}

type Move = { readonly accountId: bigint; readonly settled: bigint; readonly amount: bigint }

function movesOf(event: Pick<NewEvent, "type" | "data">): Move[] {
  const { accounts } = event.data as { accounts: { account_id: number; settled: string; amount: string }[] }
  return accounts.map((move) => ({
    accountId: BigInt(move.account_id),
    settled: BigInt(move.settled),
    amount: BigInt(move.amount),
  }))
}

function accountOf(event: Pick<NewEvent, "type" | "account">): bigint {
  if (event.account === null) throw new ReplayFault(`${event.type} without an account`)
  return event.account.accountId
}

function amountOf(event: Pick<NewEvent, "type" | "account">): bigint {
  if (event.account === null) throw new ReplayFault(`${event.type} without an account`)
  return event.account.amount
}
