import { formatAmount } from "../../ledger/domain/amount.ts"
import type { CommandRefusal } from "../../ledger/domain/commands.ts"
import { unreachable } from "../../platform/errors.ts"
import { encodeTxId } from "../presenters/tx-id.ts"
import { type Refusal, refuse } from "../refusal.ts"
import type { RegisteredToken } from "../registry/registry-snapshot.ts"

/** What the command was about, in the caller's words. */
export type CommandSubject = {
  readonly ledgerId: string
  readonly tokenOf: (index: number) => RegisteredToken | undefined
  readonly amountField: (index: number) => string | null
}

/** What the writer refused, as the caller is told. */
export function refuseCommand(refusal: CommandRefusal, about: CommandSubject): Refusal {
  const { refused } = refusal
  switch (refused) {
    case "INSUFFICIENT_BALANCE": {
      const available = amountOf(about, refusal.index, refusal.availableBaseUnits)
      return refuse(
        refused,
        about.amountField(refusal.index),
        `the debit is larger than what can be spent${available === "" ? "" : `: ${available} is available`}`,
      )
    }
    case "BALANCE_OUT_OF_RANGE":
      return refuse(
        refused,
        about.amountField(refusal.index),
        "the balance would pass 2^255 base units; send less",
      )
    case "EXPIRY_PASSED":
      return refuse("INVALID_FIELD", "expires_at", "the hold would have expired before it was recorded")
    case "UNKNOWN_HOLD":
      return refuse(refused, "hold_id", "pass a hold_id of an answer to this app's keys, unchanged")
    case "HOLD_ENDED":
      return refuse(
        refused,
        "hold_id",
        `the hold was ${ended[refusal.end.how]} ${refusal.end.at.toISOString()}`,
      )
    case "CAPTURE_TOO_LARGE": {
      const held = amountOf(about, 0, refusal.heldBaseUnits)
      return refuse(refused, about.amountField(0), `the hold keeps ${held === "" ? "less" : held}`)
    }
    case "UNKNOWN_TRANSACTION":
      return refuse(refused, "tx_id", "pass a tx_id of an answer to this app's keys, unchanged")
    case "NOT_REVERSIBLE":
      return refuse(
        refused,
        "tx_id",
        `this is ${final[refusal.type] ?? "another kind of event"}; adjustments and captures of holds can be reversed`,
      )
    case "ALREADY_REVERSED":
      return refuse(
        refused,
        "tx_id",
        `the transaction ${encodeTxId(about.ledgerId, refusal.reversedBy)} has reversed it`,
      )
    case "NOTHING_TO_REDACT":
      return refuse("INVALID_FIELD", null, "none of the transactions has details")
    default:
      return unreachable(refused)
  }
}

const ended = { captured: "captured at", released: "released at", expired: "over at" } as const
const final: Readonly<Record<string, string>> = {
  AdjustmentReversed: "itself a reversal",
  DepositObserved: "a deposit that the chain made",
  WithdrawalObserved: "a withdrawal that the chain made",
  SettlementDiscarded: "a dead letter that was discarded",
}

function amountOf(about: CommandSubject, index: number, baseUnits: bigint): string {
  const token = about.tokenOf(index)
  return token === undefined ? "" : `${formatAmount(baseUnits, token.decimals)} ${token.symbol}`
}
