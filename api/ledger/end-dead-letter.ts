import { type ClosedDeadLetter, closeDeadLetter } from "../../ledger/dead-letters/close-dead-letter.ts"
import { formatAmount } from "../../ledger/domain/amount.ts"
import type { Initiator } from "../../ledger/domain/operator-action.ts"
import { invariant, unreachable } from "../../platform/errors.ts"
import { tokenOf } from "../presenters/change.ts"
import { decodeDeadLetterId, presentDeadLetter } from "../presenters/dead-letter.ts"
import type { Answer } from "../presenters/envelope.ts"
import { encodeTxId } from "../presenters/tx-id.ts"
import { readDeadLetters } from "../queries/dead-letters.ts"
import { type Refusal, refuse } from "../refusal.ts"
import type { Caller } from "../registry/api-keys.ts"
import type { Services } from "../services.ts"

const unknown = refuse(
  "UNKNOWN_DEAD_LETTER",
  "dead_letter_id",
  "use a dead_letter_id of GET /dead-letters, unchanged",
)

/** Both routes that end a dead letter. Asked for twice, the second one is told how it ended. */
export async function endDeadLetter(
  services: Services,
  caller: Caller,
  initiator: Initiator,
  id: string,
  how: { readonly outcome: "retried" } | { readonly outcome: "discarded"; readonly reason: string },
): Promise<Answer | Refusal> {
  const { ledgerId } = caller
  const deadLetterId = decodeDeadLetterId(ledgerId, id)
  if (deadLetterId === undefined) return unknown
  const requestedBy = caller.actor
  // Before the head is locked: what comes after may be in the transaction that holds it, and is not to wait for another connection.
  const registry = await services.registry.current()
  const closed = await closeDeadLetter(services.db, {
    ledgerId,
    deadLetterId,
    requestedBy,
    initiator,
    at: new Date(),
    ...how,
  })
  const [row] = await readDeadLetters(services.db, ledgerId, { deadLetterId }, 1)
  if (row === undefined) return unknown
  if ("refused" in closed) {
    const token = tokenOf(registry, row.token_id)
    return refusalOf(ledgerId, closed, (amount) => `${formatAmount(amount, token.decimals)} ${token.symbol}`)
  }
  invariant(row.status === how.outcome, "a dead letter that was closed says how")
  services.logger.info(
    { actor: caller.actor, ledger_id: ledgerId, dead_letter: id, ...how },
    "a dead letter was closed",
  )
  return { data: presentDeadLetter(registry, ledgerId, row) }
}

function refusalOf(
  ledgerId: string,
  refusal: Exclude<ClosedDeadLetter, { readonly closed: true }>,
  amountText: (amount: bigint) => string,
): Refusal {
  const { refused } = refusal
  switch (refused) {
    case "UNKNOWN_DEAD_LETTER":
      return unknown
    case "DEAD_LETTER_CLOSED":
      return refuse(
        refused,
        "dead_letter_id",
        `it was ${refusal.outcome} at ${refusal.closedAt.toISOString()}`,
      )
    case "NOTHING_TO_DISCARD":
      return refuse(refused, "dead_letter_id", "its changes are on their way again; retry it to close it")
    case "ALREADY_REVERSED":
      return refuse(
        refused,
        "dead_letter_id",
        `the transaction ${encodeTxId(ledgerId, refusal.reversedBy)} has reversed a change of it; retry it, and the two are settled together`,
      )
    case "INSUFFICIENT_BALANCE":
      return refuse(
        refused,
        "dead_letter_id",
        `what was given has been spent: ${amountText(refusal.availableBaseUnits)} is available`,
      )
    case "BALANCE_OUT_OF_RANGE":
      return refuse(
        refused,
        "dead_letter_id",
        "the balance would be beyond 2^255 base units; debit the user first",
      )
    default:
      return unreachable(refused)
  }
}
