const newline = 0x0a
const carriageReturn = 0x0d
const quote = 0x22
const comma = 0x2c

export type ScannedRecord = {
  readonly fields: readonly string[]
  /** Behind the record's line end. */
  readonly end: number
  /** Line ends that it takes, those inside of quotes included. */
  readonly lines: number
}

/**
 * Reads the CSV record (RFC 4180) that begins at `start`, where quotes are in it. Strict: a quoted field ends before a comma or a line end, and no other field holds a quote. That is
 * what tells a stray quote from a field of several lines.
 * @param isEnded whether the buffer ends where the file does
 */
export function scanCsvRecord(
  buffer: Buffer,
  start: number,
  bytesMax: number,
  isEnded: boolean,
): ScannedRecord | "more" | "malformed" | "too long" {
  const fields: string[] = []
  let lines = 1
  let at = start
  for (;;) {
    const field = buffer[at] === quote ? scanQuoted(buffer, at, isEnded) : scanPlain(buffer, at, isEnded)
    if (field === "malformed") return field
    if (field === "more") return buffer.length - start > bytesMax ? "too long" : field
    if (field.end - start > bytesMax) return "too long"
    fields.push(field.text)
    lines += field.lineEnds
    if (field.ends === "field") {
      at = field.end + 1
      continue
    }
    return { fields, end: Math.min(field.end + (field.ends === "record" ? 1 : 0), buffer.length), lines }
  }
}

type Field = {
  readonly text: string
  /** Of the comma or line feed behind it, or of the file's end. */
  readonly end: number
  readonly ends: "field" | "record" | "file"
  readonly lineEnds: number
}

/** Between which bytes of a record one stands: at the beginning of a value, in a plain one, in a quoted one, behind what may be its closing quote, or behind a carriage return there. */
type Place = "value" | "plain" | "quoted" | "closed" | "return"

/** Finds the end of a record by its quotes without keeping it, piece by piece. It draws the same line as scanCsvRecord. */
export function createRecordSkip(): {
  /** @returns the place behind the record's line end; `more` where the piece does not have it, `malformed` where nobody can tell any more */
  skip(bytes: Buffer, from: number): number | "more" | "malformed"
  /** Whether the record may end where the file does. */
  canEnd(): boolean
} {
  let place: Place = "value"
  return {
    skip(bytes, from) {
      for (let at = from; at < bytes.length; at += 1) {
        const next = placeBehind(place, bytes[at] ?? 0)
        if (next === "end") return at + 1
        if (next === "malformed") return next
        place = next
      }
      return "more"
    },
    canEnd: () => place !== "quoted",
  }
}

function placeBehind(place: Place, byte: number): Place | "end" | "malformed" {
  if (place === "quoted") return byte === quote ? "closed" : "quoted"
  if (byte === newline) return "end"
  if (place === "return") return "malformed"
  if (byte === comma) return "value"
  if (place === "closed") return byte === quote ? "quoted" : byte === carriageReturn ? "return" : "malformed"
  if (byte === quote) return place === "value" ? "quoted" : "malformed"
  return "plain"
}

function scanQuoted(buffer: Buffer, start: number, isEnded: boolean): Field | "more" | "malformed" {
  let at = start + 1
  let hasQuotes = false
  for (;;) {
    const close = buffer.indexOf(quote, at)
    if (close === -1) return isEnded ? "malformed" : "more"
    if (close + 1 >= buffer.length && !isEnded) return "more"
    if (buffer[close + 1] === quote) {
      hasQuotes = true
      at = close + 2
      continue
    }
    const behind = endOfField(buffer, close + 1, isEnded)
    if (typeof behind === "string") return behind
    const raw = buffer.toString("utf8", start + 1, close)
    const text = hasQuotes ? raw.replaceAll('""', '"') : raw
    return { text, ...behind, lineEnds: countLineFeeds(buffer, start, close) }
  }
}

function scanPlain(buffer: Buffer, start: number, isEnded: boolean): Field | "more" | "malformed" {
  let at = start
  for (; at < buffer.length; at += 1) {
    const byte = buffer[at]
    if (byte === quote) return "malformed"
    if (byte === comma || byte === newline) break
  }
  if (at >= buffer.length && !isEnded) return "more"
  const isLineEnd = at >= buffer.length || buffer[at] === newline
  const textEnd = isLineEnd && at > start && buffer[at - 1] === carriageReturn ? at - 1 : at
  const ends = at >= buffer.length ? "file" : isLineEnd ? "record" : "field"
  return { text: buffer.toString("utf8", start, textEnd), end: at, ends, lineEnds: 0 }
}

/** What stands behind a closing quote. */
function endOfField(
  buffer: Buffer,
  at: number,
  isEnded: boolean,
): Pick<Field, "end" | "ends"> | "more" | "malformed" {
  if (buffer[at] === carriageReturn) {
    if (at + 1 >= buffer.length) return isEnded ? { end: buffer.length, ends: "file" } : "more"
    return buffer[at + 1] === newline ? { end: at + 1, ends: "record" } : "malformed"
  }
  if (at >= buffer.length) return { end: at, ends: "file" }
  if (buffer[at] === comma) return { end: at, ends: "field" }
  return buffer[at] === newline ? { end: at, ends: "record" } : "malformed"
}

export function countLineFeeds(buffer: Buffer, from: number, to: number): number {
  let count = 0
  for (let at = buffer.indexOf(newline, from); at !== -1 && at < to; at = buffer.indexOf(newline, at + 1))
    count += 1
  return count
}
