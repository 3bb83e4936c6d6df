import { isUtf8 } from "node:buffer"
import type { ImportFormat } from "../../ledger/store/import-tables.ts"
import { scanCsvRecord } from "./scan-csv-record.ts"

/** One line of a file, or one record of a CSV that goes over several. */
export type RawRecord = {
  /** Of its first line, counted from 1. */
  readonly line: number
  /** Where the next record begins: a place to go on from. */
  readonly nextByte: number
  readonly nextLine: number
} & ({ readonly fields: readonly string[] } | { readonly text: string } | { readonly fault: RecordFault })

/** `TOO_LONG`: passes the limit; `NOT_UTF8`; `NOT_CSV`: a quote where none may be, or one that is never closed. */
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

/**
 * Cuts a stream of bytes into records within bounded memory. A record that is no record costs one line: reading goes on behind the next line end, even inside what a stray quote seems
 * to quote.
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
  let isSkipping = false

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

  /** A line that is too long is passed over as its bytes come, not kept. */
  function skip(): RawRecord | undefined {
    const end = buffer.indexOf(newline, start)
    if (end === -1 && !isEnded) {
      advance(buffer.length, 0)
      return undefined
    }
    isSkipping = false
    return faulty(end === -1 ? buffer.length : end + 1, 1, "TOO_LONG")
  }

  function next(): RawRecord | undefined {
    for (;;) {
      if (isSkipping) return skip()
      if (start >= buffer.length) return undefined
      const end = buffer.indexOf(newline, start)
      const isLast = end === -1
      if ((isLast ? buffer.length : end) - start > lineBytesMax) {
        isSkipping = true
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
      if (scanned === "malformed") return faulty(behind, 1, "NOT_CSV")
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
