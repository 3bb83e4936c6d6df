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

type State = {
  /** The positions whose events have details now. */
  readonly withDetails: ReadonlySet<bigint>
  /** Of a hold its capture, and of a capture its hold: both say the same, unless the capture had words of its own. */
  readonly copies: ReadonlyMap<bigint, bigint>
}

/** Who names a hold or its capture means what was said, wherever it stands. A user's erasure comes to both by itself. */
export function decideRedactDetails(
  { withDetails, copies }: State,
  command: RedactDetailsCommand,
  at: Date,
): NewEventOf<"DetailsRedacted"> | RedactDetailsRefusal {
  const positions =
    command.userId === null
      ? command.positions.flatMap((position) => [position, copies.get(position) ?? position])
      : command.positions
  const data = redactionOf(withDetails, { ...command, positions: [...new Set(positions)] })
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
