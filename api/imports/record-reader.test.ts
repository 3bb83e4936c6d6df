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
/** Whose quotes are wrong, whatever comes behind them. */
const brokenRecord = fc.constantFrom(
  ...['a,"b', 'a,"b"c', 'a"b,c', '"', '"a,b', 'x,"y" ,z', 'a, "b'],
  ...['a,"he said \\"hi\\"', `a,"${"x".repeat(300)}"y`],
)
const longRecord = fc.constantFrom(
  `a,${"x".repeat(300)}`,
  `a,"${"x".repeat(300)}"`,
  `a,"${"x\n".repeat(150)}""\nthief,+1\n",b`,
  `a,"\r\n${"x".repeat(300)}\r\nthief,+1"`,
)
const good = (index: number) => [`u${index}`, '"quoted", and more', "+1"]
const linesOf = (text: string) => text.split("\n").length - 1

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

  test("is read on behind a record that is too long, and not in the middle of it", () => {
    fc.assert(
      fc.property(
        fc.array(longRecord, { minLength: 1, maxLength: 4 }),
        fc.constantFrom("\n", "\r\n"),
        sizes,
        (long, lineEnd, pieces) => {
          const parts = long.flatMap((record, index) => [`${record}${lineEnd}`, csvLine(good(index))])
          const records = readAll(parts.join(""), pieces)
          expect(contents(records)).toEqual(long.flatMap((_, index) => ["TOO_LONG", good(index)]))
          const lines = parts.map((_, index) => 1 + linesOf(parts.slice(0, index).join("")))
          expect(records.map(({ line }) => line)).toEqual(lines)
        },
      ),
      { numRuns: 300 },
    )
  })

  test("is not read behind a record whose quotes are wrong", () => {
    const behind = fc.constantFrom("", "\n", "\nthief,+1", "\nthief,+1\n", '\nthief,+1\nx,"y"\n')
    fc.assert(
      fc.property(brokenRecord, behind, sizes, (broken, rest, pieces) => {
        const content = `${csvLine(good(0))}${broken}${rest}`
        const [first, second, ...others] = readAll(content, pieces)
        expect(contents(first === undefined ? [] : [first])).toEqual([good(0)])
        expect(others).toEqual([])
        expect(second).toMatchObject({ line: 2, fault: "NOT_CSV", nextByte: Buffer.byteLength(content) })
        expect(second?.nextLine).toBe(1 + linesOf(content) + (content.endsWith("\n") ? 0 : 1))
      }),
      { numRuns: 500 },
    )
  })

  test("can be read on from every place that a record names", () => {
    const content = Buffer.from(
      `h,i\n${csvLine(["1", 'a\n"b"'])}\n\n${"x".repeat(300)}\n${csvLine(["2", "c"])}3,d\nwrong"\n4,e`,
    )
    const all = readAll(content, [7])
    expect(all.map(({ line }) => line)).toEqual([1, 2, 6, 7, 8, 9])
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
