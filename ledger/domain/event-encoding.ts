import { createHash } from "node:crypto"

/** The hash before the first event of every ledger. */
export const genesisHash: Buffer = Buffer.alloc(32)

/** An event exactly as its row stores it; `dataJson` is the stored text, byte for byte. */
export type EncodableEvent = {
  readonly ledgerId: string
  readonly position: bigint
  readonly type: string
  readonly version: number
  readonly operationId: string | null
  readonly sequence: number | null
  readonly accountId: bigint | null
  readonly amount: bigint | null
  readonly balanceAfter: bigint | null
  readonly occurredAt: Date
  readonly recordedAt: Date
  readonly causation: string
  readonly dataJson: string
  readonly detailsHash: Buffer | null
}

const absent = 0xffffffff

/**
 * The bytes that are hashed: fifteen fields in the order below, each as a four-byte big-endian length and its UTF-8 bytes; an absent field is
 * the length ffffffff and nothing else. Numbers are decimal, times ISO 8601 in UTC with milliseconds, the details hash is its 32 raw bytes.
 * docs/event-encoding.md describes the same for auditors.
 */
export function encodeEvent(event: EncodableEvent): Buffer {
  const fields: (string | Buffer | null)[] = [
    "chainbridge-event-1",
    event.ledgerId,
    event.position.toString(),
    event.type,
    event.version.toString(),
    event.operationId,
    event.sequence === null ? null : event.sequence.toString(),
    event.accountId === null ? null : event.accountId.toString(),
    event.amount === null ? null : event.amount.toString(),
    event.balanceAfter === null ? null : event.balanceAfter.toString(),
    event.occurredAt.toISOString(),
    event.recordedAt.toISOString(),
    event.causation,
    event.dataJson,
    event.detailsHash,
  ]
  const lengths = fields.map((field) =>
    field === null ? 0 : typeof field === "string" ? Buffer.byteLength(field) : field.length,
  )
  const bytes = Buffer.allocUnsafe(lengths.reduce((sum, length) => sum + length + 4, 0))
  let offset = 0
  fields.forEach((field, index) => {
    const length = lengths[index] ?? 0
    offset = bytes.writeUInt32BE(field === null ? absent : length, offset)
    if (typeof field === "string") bytes.write(field, offset)
    else if (field !== null) field.copy(bytes, offset)
    offset += length
  })
  return bytes
}

/** `SHA-256(previous hash ‖ encoding)`. */
export function hashEvent(previousHash: Buffer, event: EncodableEvent): Buffer {
  return createHash("sha256").update(previousHash).update(encodeEvent(event)).digest()
}

/** `SHA-256(salt ‖ details)`, over the stored text of the details. */
export function hashDetails(salt: Buffer, detailsJson: string): Buffer {
  return createHash("sha256").update(salt).update(detailsJson).digest()
}
