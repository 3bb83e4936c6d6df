import { isUtf8 } from "node:buffer"
import type { ImportFormat } from "../../ledger/store/import-tables.ts"
import { countLineFeeds, createRecordSkip, scanCsvRecord } from "./scan-csv-record.ts"

/** One line of a file, or one record of a CSV that goes over several. */
export type RawRecord = {
  /** Of its first line, counted from 1. */
  readonly line: number
  /** Where the next record begins: a place to go on from. */
  readonly nextByte: number
  readonly nextLine: number
} & ({ readonly fields: readonly string[] } | { readonly text: string } | { readonly fault: RecordFault })

/** `TOO_LONG`: passes the limit; `NOT_UTF8`; `NOT_CSV`: a quote where none may be, or one that is never closed, and all that is behind it. */
export type RecordFault = "TOO_LONG" | "NOT_UTF8" | "NOT_CSV"

export type RecordReader = {
  push(bytes: Uint8Array): void
  /** No byte comes after those that were pushed. */
  end(): void
  /** The next record that is complete; undefined where more bytes are needed, or none come. Empty lines are passed over. */
  next(): RawRecord | undefined
}

const newline = 0x0a
const carriageReturn = 0x0d
const quote = 0x22

/** A record that is passed over. */
type Skipping = {
  /** Its first one. */
  readonly line: number
  /** Whether the last byte that was passed over is in a line that has not ended. */
  isInLine: boolean
  /** @returns the place behind the record's end; undefined where it is not among these bytes */
  findEnd(bytes: Buffer, from: number): number | undefined
  /** What is wrong with it, where it goes on to the end of the file. */
  faultAtEnd(): RecordFault
}

/**
 * Cuts a stream of bytes into records within bounded memory. What stands inside of a quoted value is never read as a record, whoever wrote it there: of a CSV whose quotes are wrong nobody
 * knows where the record ends, and it takes the rest of the file with it. One that is too long is passed over to its own end.
 * @param at where the first byte that is pushed stands in the file
 */
export function createRecordReader(
  format: ImportFormat,
  lineBytesMax: number,
  at: { readonly byte: number; readonly line: number } = { byte: 0, line: 1 },
): RecordReader {
  let buffer: Buffer = Buffer.alloc(0)
  /** Of the next record in the buffer. */
  let start = 0
  let startByte = at.byte
  let line = at.line
  let isEnded = false
  let underWay: Skipping | undefined

  /** Takes everything up to `end` out of the buffer. @returns the place behind it */
  function advance(end: number, lines: number): { nextByte: number; nextLine: number } {
    startByte += end - start
    start = end
    line += lines
    return { nextByte: startByte, nextLine: line }
  }

  function faulty(end: number, lines: number, fault: RecordFault): RawRecord {
    const from = line
    return { line: from, ...advance(end, lines), fault }
  }

  /** What is passed over goes as its bytes come, and is not kept. */
  function skip(skipping: Skipping): RawRecord | undefined {
    const end = skipping.findEnd(buffer, start)
    const to = end ?? buffer.length
    if (to > start) skipping.isInLine = buffer[to - 1] !== newline
    advance(to, countLineFeeds(buffer, start, to))
    if (end === undefined && !isEnded) return undefined
    underWay = undefined
    const fault = end === undefined ? skipping.faultAtEnd() : "TOO_LONG"
    // The file's last line may have no end.
    return { line: skipping.line, ...advance(to, skipping.isInLine ? 1 : 0), fault }
  }

  function skipLine(): Skipping {
    return {
      line,
      isInLine: true,
      findEnd(bytes, from) {
        const end = bytes.indexOf(newline, from)
        return end === -1 ? undefined : end + 1
      },
      faultAtEnd: () => "TOO_LONG",
    }
  }

  function skipRecord(): Skipping {
    const record = createRecordSkip()
    let isLost = false
    return {
      line,
      isInLine: true,
      findEnd(bytes, from) {
        const end = isLost ? "more" : record.skip(bytes, from)
        isLost ||= end === "malformed"
        return typeof end === "number" ? end : undefined
      },
      faultAtEnd: () => (isLost || !record.canEnd() ? "NOT_CSV" : "TOO_LONG"),
    }
  }

  function skipRest(): Skipping {
    return { line, isInLine: true, findEnd: () => undefined, faultAtEnd: () => "NOT_CSV" }
  }

  function next(): RawRecord | undefined {
    for (;;) {
      if (underWay !== undefined) return skip(underWay)
      if (start >= buffer.length) return undefined
      const end = buffer.indexOf(newline, start)
      const isLast = end === -1
      if ((isLast ? buffer.length : end) - start > lineBytesMax) {
        underWay = format === "ndjson" ? skipLine() : skipRecord()
        continue
      }
      if (isLast && !isEnded) return undefined
      const contentEnd = isLast ? buffer.length : end
      const trimmed =
        contentEnd > start && buffer[contentEnd - 1] === carriageReturn ? contentEnd - 1 : contentEnd
      const behind = isLast ? buffer.length : end + 1
      if (trimmed === start) {
        advance(behind, 1)
        continue
      }
      const bytes = buffer.subarray(start, trimmed)
      if (format === "ndjson" || !bytes.includes(quote)) {
        if (!isUtf8(bytes)) return faulty(behind, 1, "NOT_UTF8")
        const text = bytes.toString("utf8")
        const content = format === "ndjson" ? { text } : { fields: text.split(",") }
        const from = line
        return { line: from, ...advance(behind, 1), ...content }
      }
      const scanned = scanCsvRecord(buffer, start, lineBytesMax, isEnded)
      if (scanned === "more") return undefined
      if (typeof scanned === "string") {
        underWay = scanned === "too long" ? skipRecord() : skipRest()
        continue
      }
      if (!isUtf8(buffer.subarray(start, scanned.end))) return faulty(scanned.end, scanned.lines, "NOT_UTF8")
      const from = line
      return { line: from, ...advance(scanned.end, scanned.lines), fields: scanned.fields }
    }
  }

  return {
    push(bytes) {
      const rest = buffer.subarray(start)
      buffer = rest.length === 0 ? Buffer.from(bytes) : Buffer.concat([rest, bytes])
      start = 0
      if (startByte === 0 && buffer[0] === 0xef && buffer[1] === 0xbb && buffer[2] === 0xbf) advance(3, 0)
    },
    end() {
      isEnded = true
    },
    next,
  }
}
