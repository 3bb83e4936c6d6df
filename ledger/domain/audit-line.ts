import type { EncodableEvent } from "./event-encoding.ts"

/** An event with everything that its row holds. */
export type LoggedEvent = EncodableEvent & {
  /** The stored text; null where there are none, or where they were erased. */
  readonly detailsJson: string | null
  readonly salt: Buffer | null
  readonly prevHash: Buffer
  readonly hash: Buffer
}

/**
 * One event as one line, without the line's end: the fields in the order of its encoding, then what the hash does not cover, then the hashes in hex. `data` and `details` are the stored
 * texts themselves, so that whoever hashes them hashes the same bytes. There is no other way to write the same event.
 */
export function writeAuditLine(event: LoggedEvent): string {
  const head = JSON.stringify({
    ledger_id: event.ledgerId,
    position: event.position.toString(),
    type: event.type,
    version: event.version,
    operation_id: event.operationId,
    sequence: event.sequence,
    account_id: event.accountId?.toString() ?? null,
    amount: event.amount?.toString() ?? null,
    balance_after: event.balanceAfter?.toString() ?? null,
    occurred_at: event.occurredAt.toISOString(),
    recorded_at: event.recordedAt.toISOString(),
    causation: event.causation,
  })
  const tail = JSON.stringify({
    salt: event.salt?.toString("hex") ?? null,
    details_hash: event.detailsHash?.toString("hex") ?? null,
    prev_hash: event.prevHash.toString("hex"),
    hash: event.hash.toString("hex"),
  })
  return `${head.slice(0, -1)},"data":${event.dataJson},"details":${event.detailsJson ?? "null"},${tail.slice(1)}`
}

// No event's data has a field "details", and within a text both quotes would be escaped.
const dataStart = ',"data":'
const detailsStart = ',"details":'
const tailStart = ',"salt":'

/**
 * Reads such a line.
 * @returns null when it is not written as {@link writeAuditLine} writes it
 */
export function parseAuditLine(line: string): LoggedEvent | null {
  const dataAt = line.indexOf(dataStart)
  const detailsAt = line.indexOf(detailsStart, dataAt)
  const tailAt = line.lastIndexOf(tailStart)
  if (dataAt < 0 || detailsAt < dataAt || tailAt < detailsAt) return null
  try {
    const event = toEvent(line, { dataAt, detailsAt, tailAt })
    return event !== null && writeAuditLine(event) === line ? event : null
  } catch (error) {
    // No JSON, no integer, no time.
    if (error instanceof SyntaxError || error instanceof RangeError) return null
    throw error
  }
}

function toEvent(
  line: string,
  { dataAt, detailsAt, tailAt }: { dataAt: number; detailsAt: number; tailAt: number },
): LoggedEvent | null {
  const head = JSON.parse(`${line.slice(0, dataAt)}}`) as Record<string, unknown>
  const tail = JSON.parse(`{${line.slice(tailAt + 1)}`) as Record<string, unknown>
  const dataJson = line.slice(dataAt + dataStart.length, detailsAt)
  const detailsJson = line.slice(detailsAt + detailsStart.length, tailAt)
  const [prevHash, hash] = [bytesOf(tail["prev_hash"]), bytesOf(tail["hash"])]
  // Both must be JSON, and data is never absent.
  if (JSON.parse(dataJson) === null || (JSON.parse(detailsJson) === null && detailsJson !== "null"))
    return null
  if (prevHash === null || hash === null) return null
  // Texts that are hashed as other ones would be, and what no event has: JSON could write it, and the log cannot hold it.
  const texts = [head["operation_id"], head["causation"]].map(textOf)
  if (texts.some((text) => text?.isWellFormed() === false)) return null
  if (head["sequence"] !== null && !(Number.isSafeInteger(head["sequence"]) && Number(head["sequence"]) >= 0))
    return null
  if (![head["occurred_at"], head["recorded_at"]].every((time) => /^\d{4}-/.test(String(time)))) return null
  return {
    ledgerId: String(head["ledger_id"]),
    position: BigInt(String(head["position"])),
    type: String(head["type"]),
    version: Number(head["version"]),
    operationId: textOf(head["operation_id"]),
    sequence: head["sequence"] === null ? null : Number(head["sequence"]),
    accountId: integerOf(head["account_id"]),
    amount: integerOf(head["amount"]),
    balanceAfter: integerOf(head["balance_after"]),
    occurredAt: new Date(String(head["occurred_at"])),
    recordedAt: new Date(String(head["recorded_at"])),
    causation: String(head["causation"]),
    dataJson,
    detailsJson: detailsJson === "null" ? null : detailsJson,
    salt: bytesOf(tail["salt"]),
    detailsHash: bytesOf(tail["details_hash"]),
    prevHash,
    hash,
  }
}

function textOf(value: unknown): string | null {
  return value === null ? null : String(value)
}

function integerOf(value: unknown): bigint | null {
  return value === null ? null : BigInt(String(value))
}

function bytesOf(value: unknown): Buffer | null {
  return value === null ? null : Buffer.from(String(value), "hex")
}
