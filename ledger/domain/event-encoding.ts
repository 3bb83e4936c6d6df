import { hash } from "node:crypto"
import { ByteWriter } from "../../platform/byte-writer.ts"
import { rememberLast } from "../../platform/remember-last.ts"

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

const tag = Buffer.from("chainbridge-event-1")

/**
 * The bytes that are hashed: fifteen fields in the order below, each as a four-byte big-endian length and its UTF-8 bytes; an absent field is
 * the length ffffffff and nothing else. Numbers are decimal, times ISO 8601 in UTC with milliseconds, the details hash is its 32 raw bytes.
 * docs/event-encoding.md describes the same for auditors.
 */
export function encodeEvent(event: EncodableEvent): Buffer {
  const encoding = new ByteWriter()
  writeEvent(encoding, event)
  return encoding.written()
}

/** `SHA-256(previous hash ‖ encoding)`. */
export function hashEvent(previousHash: Buffer, event: EncodableEvent): Buffer {
  scratch.clear()
  scratch.bytes(previousHash)
  writeEvent(scratch, event)
  return digest(scratch.written())
}

/** `SHA-256(salt ‖ details)`, over the stored text of the details. */
export function hashDetails(salt: Buffer, detailsJson: string): Buffer {
  scratch.clear()
  scratch.bytes(salt)
  scratch.text(detailsJson)
  return digest(scratch.written())
}

/** What is hashed next, one after the other. */
const scratch = new ByteWriter()

function writeEvent(to: ByteWriter, event: EncodableEvent): void {
  const { operationId, sequence, accountId, amount, balanceAfter, detailsHash } = event
  to.bytesField(tag)
  to.textField(event.ledgerId)
  to.textField(event.position.toString())
  to.textField(event.type)
  to.textField(event.version.toString())
  writeText(to, operationId)
  writeText(to, sequence?.toString() ?? null)
  writeText(to, accountId?.toString() ?? null)
  writeText(to, amount?.toString() ?? null)
  writeText(to, balanceAfter?.toString() ?? null)
  to.textField(timeText(event.occurredAt.getTime()))
  to.textField(timeText(event.recordedAt.getTime()))
  to.textField(event.causation)
  to.textField(event.dataJson)
  if (detailsHash === null) to.absentField()
  else to.bytesField(detailsHash)
}

function writeText(to: ByteWriter, text: string | null): void {
  if (text === null) to.absentField()
  else to.textField(text)
}

// The events of one append share their times.
const timeText = rememberLast((ms: number) => new Date(ms).toISOString())

function digest(bytes: Buffer): Buffer {
  // As text and back: a third of the time that an answer in a new buffer takes.
  return Buffer.from(hash("sha256", bytes, "binary"), "latin1")
}
