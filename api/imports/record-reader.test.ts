import fc from "fast-check"
import { describe, expect, test } from "vitest"
import type { ImportFormat } from "../../ledger/store/import-tables.ts"
import { csvLine } from "../../platform/csv.ts"
import { createRecordReader, type RawRecord } from "./record-reader.ts"

/** Reads a file that comes in pieces of these sizes. */
function readAll(
  content: string | Buffer,
  sizes: readonly number[],
  format: ImportFormat = "csv",
  lineBytesMax = 200,
): RawRecord[] {
  const bytes = Buffer.from(content)
  const reader = createRecordReader(format, lineBytesMax)
  const records: RawRecord[] = []
  const drain = () => {
    for (let record = reader.next(); record !== undefined; record = reader.next()) records.push(record)
  }
  for (let at = 0, piece = 0; at < bytes.length; piece += 1) {
    const size = sizes[piece % sizes.length] ?? 1
    reader.push(bytes.subarray(at, at + size))
    drain()
    at += size
  }
  reader.end()
  drain()
  return records
}

const contents = (records: readonly RawRecord[]) =>
  records.map((record) =>
    "fields" in record ? record.fields : "text" in record ? record.text : record.fault,
  )

const field = fc.string({
  unit: fc.constantFrom("a", "ß", "€", ",", '"', "\n", "\r\n", " ", "1"),
  maxLength: 8,
})
const row = fc.array(field, { minLength: 2, maxLength: 5 })
const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 })
/** Lines that are no CSV, or too long: each of them one line. */
const wrongLine = fc.constantFrom('a,"b', 'a,"b"c', 'a"b,c', '"', '"a,b', 'x,"y" ,z', `a,${"x".repeat(300)}`)

describe("a CSV", () => {
  test("comes back as it was written, in whatever pieces it arrives", () => {
    fc.assert(
      fc.property(fc.array(row, { maxLength: 12 }), sizes, (rows, pieces) => {
        const records = readAll(rows.map(csvLine).join(""), pieces)
        expect(contents(records)).toEqual(rows)
      }),
      { numRuns: 300 },
    )
  })

  test("loses no neighbour to a line that is wrong, and counts on", () => {
    fc.assert(
      fc.property(fc.array(wrongLine, { minLength: 1, maxLength: 4 }), sizes, (wrong, pieces) => {
        const good = (index: number) => [`u${index}`, '"quoted", and more', "+1"]
        const lines = wrong.flatMap((line, index) => [`${line}\n`, csvLine(good(index))])
        const records = readAll(lines.join(""), pieces)
        expect(records.map(({ line }) => line)).toEqual(lines.map((_, index) => index + 1))
        expect(contents(records).filter((content) => Array.isArray(content))).toEqual(
          wrong.map((_, index) => good(index)),
        )
      }),
      { numRuns: 300 },
    )
  })

  test("can be read on from every place that a record names", () => {
    const content = Buffer.from(`h,i\n${csvLine(["1", 'a\n"b"'])}\n\nwrong"\n${csvLine(["2", "c"])}3,d`)
    const all = readAll(content, [7])
    expect(all.map(({ line }) => line)).toEqual([1, 2, 6, 7, 8])
    for (const [index, { nextByte, nextLine }] of all.entries()) {
      const reader = createRecordReader("csv", 200, { byte: nextByte, line: nextLine })
      reader.push(content.subarray(nextByte))
      reader.end()
      expect(reader.next()).toEqual(all[index + 1])
    }
  })

  test("is read without its byte order mark, its empty lines and its line ends", () => {
    expect(contents(readAll("\ufeffa,b\r\n\r\n\n1,2", [1]))).toEqual([
      ["a", "b"],
      ["1", "2"],
    ])
    expect(contents(readAll(Buffer.from([0x61, 0x2c, 0xff, 0x0a, 0x62, 0x0a]), [3]))).toEqual([
      "NOT_UTF8",
      ["b"],
    ])
    expect(contents(readAll(Buffer.from([0x61, 0x2c, 0x22, 0xff, 0x22, 0x0a, 0x62, 0x0a]), [3]))).toEqual([
      "NOT_UTF8",
      ["b"],
    ])
  })
})

test("NDJSON is cut at line ends only, and a line that is too long is passed over without being kept", () => {
  expect(contents(readAll('{"a":"\\n,\\"x"}\r\n\n{}', [2], "ndjson"))).toEqual(['{"a":"\\n,\\"x"}', "{}"])
  const long = readAll(`${"x".repeat(10_000)}\n{}`, [64], "ndjson")
  expect(contents(long)).toEqual(["TOO_LONG", "{}"])
  expect(long.map(({ line }) => line)).toEqual([1, 2])
  expect(contents(readAll("x".repeat(10_000), [64], "ndjson"))).toEqual(["TOO_LONG"])
})
