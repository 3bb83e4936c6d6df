import type { NewEventOf } from "./events.ts"
import { operationFields, type WriteRequest } from "./write-request.ts"

export type RedactDetailsCommand = WriteRequest & {
  readonly kind: "RedactDetails"
  /** At most `redactedPositionsMax`, each once. */
  readonly positions: readonly bigint[]
  readonly userId: string | null
  readonly reason: string
  readonly requestedBy: string
}

/** None of the events has details, any more or at all. */
export type RedactDetailsRefusal = { readonly refused: "NOTHING_TO_REDACT" }

type Redaction = Pick<RedactDetailsCommand, "positions" | "userId" | "reason" | "requestedBy">

/** @param withDetails the positions whose events have details now */
export function decideRedactDetails(
  withDetails: ReadonlySet<bigint>,
  command: RedactDetailsCommand,
  at: Date,
): NewEventOf<"DetailsRedacted"> | RedactDetailsRefusal {
  const data = redactionOf(withDetails, command)
  if (data === null) return { refused: "NOTHING_TO_REDACT" }
  return {
    ...operationFields(command, at),
    type: "DetailsRedacted",
    data: { ...data, request_hash: command.requestHash.toString("hex") },
    account: null,
    details: null,
  }
}

/** What is still there of what is to go; null where nothing is. */
export function redactionOf(withDetails: ReadonlySet<bigint>, redaction: Redaction) {
  const positions = redaction.positions
    .filter((position) => withDetails.has(position))
    .map(Number)
    .sort((a, b) => a - b)
  if (positions.length === 0) return null
  const { userId, reason, requestedBy } = redaction
  return { positions, user_id: userId, reason, requested_by: requestedBy }
}
