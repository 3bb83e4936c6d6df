import { hash } from "node:crypto"
import { column, type EventRow, fieldBytes, fieldTimeMs, isNull } from "./event-row.ts"

/**
 * Whether the row's content gives its hash, and its details theirs. Changes the row's bytes: the times are filled in, and the salt is moved next to the details.
 * @returns what is wrong with the row by itself
 */
export function checkRow(row: EventRow): string | null {
  const { bytes, start, length } = row
  if (!fillTime(row, column.occurredAt, column.occurredAtText)) return wrongHash
  if (!fillTime(row, column.recordedAt, column.recordedAtText)) return wrongHash
  const lastLength = length[column.detailsHash] ?? -1
  const hashedEnd = (start[column.detailsHash] ?? 0) + Math.max(lastLength, 0)
  const hashed = bytes.subarray(start[column.prevHash], hashedEnd)
  if (hash("sha256", hashed, "binary") !== fieldBytes(row, column.hash)) return wrongHash
  const hasDetails = !isNull(row, column.details)
  if (isNull(row, column.salt) === hasDetails) return "it has details or a salt, and not both"
  if (!hasDetails) return null
  return lastLength === 32 && detailsDigest(row) === fieldBytes(row, column.detailsHash)
    ? null
    : "its details do not give their hash"
}

const wrongHash = "its content does not give its hash"

function detailsDigest({ bytes, start, length }: EventRow): string {
  const details = start[column.details] ?? 0
  const saltLength = length[column.salt] ?? 0
  // Over the length of the details, which lies between the two.
  const from = start[column.salt] ?? 0
  bytes.copyWithin(details - saltLength, from, from + saltLength)
  return hash(
    "sha256",
    bytes.subarray(details - saltLength, details + (length[column.details] ?? 0)),
    "binary",
  )
}

const dayMs = 86_400_000
// Events of one day stand together: the date is written once, the time of day by hand, which takes a twentieth of what a Date does.
const written = { day: Number.NaN, text: Buffer.from("0000-00-00T00:00:00.000Z") }

/** @returns false for a time that no event has: with microseconds, infinite, or of a year that has not four digits */
function fillTime(row: EventRow, from: number, to: number): boolean {
  const ms = fieldTimeMs(row, from)
  const day = Math.floor(ms / dayMs)
  const { text } = written
  if (day !== written.day) {
    // 0000-01-01 and 9999-12-31: outside of these the text is longer.
    if (!Number.isInteger(ms) || ms < -62_167_219_200_000 || ms > 253_402_300_799_999) return false
    text.write(new Date(day * dayMs).toISOString(), "latin1")
    written.day = day
  }
  const rest = ms - day * dayMs
  if (!Number.isInteger(rest)) return false
  writeDigits(text, 11, Math.floor(rest / 3_600_000), 2)
  writeDigits(text, 14, Math.floor(rest / 60_000) % 60, 2)
  writeDigits(text, 17, Math.floor(rest / 1_000) % 60, 2)
  writeDigits(text, 20, rest % 1_000, 3)
  row.bytes.set(text, row.start[to])
  return true
}

function writeDigits(text: Buffer, at: number, value: number, digits: number): void {
  let rest = value
  for (let index = at + digits - 1; index >= at; index -= 1) {
    text[index] = 48 + (rest % 10)
    rest = Math.floor(rest / 10)
  }
}
