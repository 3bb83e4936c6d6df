import { ByteWriter } from "../../platform/byte-writer.ts"

/**
 * Rows for `COPY … FROM STDIN` in PostgreSQL's binary format. The server takes them in at two fifths of what it needs to read them as text, let alone to insert arrays; only a pipelined transaction
 * can send them. Each of `rows` is some rows, is taken once, when those before it are on their way, and holds until the next is taken.
 */
export type CopyStatement = { readonly text: string; readonly rows: Iterable<Buffer> }

/** Enough rows for the server to be busy with while the next ones are made. */
const chunkLength = 65_536
const signature = Buffer.from("PGCOPY\n\xff\r\n\0", "latin1")

/**
 * @param columns as they are written in the statement
 * @param write writes the fields of a row in their order
 */
export function copyInto<Row>(
  table: string,
  columns: string,
  rows: Iterable<Row>,
  write: (to: ByteWriter, row: Row) => void,
): CopyStatement {
  const count = columns.split(",").length
  function* chunks(): Generator<Buffer> {
    const chunk = new ByteWriter()
    chunk.bytes(signature)
    // Neither flags nor an extension of the header.
    chunk.int32(0)
    chunk.int32(0)
    for (const row of rows) {
      chunk.int16(count)
      write(chunk, row)
      if (chunk.length < chunkLength) continue
      yield chunk.written()
      chunk.clear()
    }
    chunk.int16(-1)
    yield chunk.written()
  }
  return { text: `COPY ${table} (${columns}) FROM STDIN (FORMAT binary)`, rows: chunks() }
}

/** Also of json, which is stored byte for byte. */
export function copyText(to: ByteWriter, text: string | null): void {
  if (text === null) to.absentField()
  else to.textField(text)
}

export function copyBytes(to: ByteWriter, bytes: Buffer | null): void {
  if (bytes === null) to.absentField()
  else to.bytesField(bytes)
}

/** What {@link copyBytes} takes for a uuid. */
export function uuidBytes(uuid: string): Buffer {
  return Buffer.from(uuid.replaceAll("-", ""), "hex")
}

/** smallint */
export function copyInt2(to: ByteWriter, number: number): void {
  if ((number << 16) >> 16 !== number) throw outOfRange("smallint", number)
  to.int32(2)
  to.int16(number)
}

/** integer */
export function copyInt4(to: ByteWriter, number: number | null): void {
  if (number === null) {
    to.absentField()
  } else {
    if ((number | 0) !== number) throw outOfRange("integer", number)
    to.int32(4)
    to.int32(number)
  }
}

/** bigint */
export function copyInt8(to: ByteWriter, value: bigint | null): void {
  if (value === null) {
    to.absentField()
  } else {
    if (BigInt.asIntN(64, value) !== value) throw outOfRange("bigint", value)
    to.int32(8)
    to.int64(value)
  }
}

/** The server cannot see it any more: what does not fit would be stored as another number. */
function outOfRange(type: string, value: number | bigint): RangeError {
  return new RangeError(`${value} is out of range for type ${type}`)
}

const epochMs = Date.UTC(2000)

/** timestamptz, which PostgreSQL counts in microseconds since 2000. */
export function copyTime(to: ByteWriter, date: Date): void {
  to.int32(8)
  to.int64((date.getTime() - epochMs) * 1_000)
}

const zero = 48

/**
 * numeric, of whole numbers of less than a thousand digits. PostgreSQL keeps digits of the base ten thousand, the first of them worth 10,000 to the power of the weight, and none for the zeros that a
 * number ends in.
 */
export function copyNumeric(to: ByteWriter, value: bigint | null): void {
  if (value === null) to.absentField()
  else writeNumeric(to, value)
}

function writeNumeric(to: ByteWriter, value: bigint): void {
  const text = value.toString()
  const start = value < 0n ? 1 : 0
  let end = text.length
  while (end > start && text.charCodeAt(end - 1) === zero) end -= 1
  const isZero = end === start
  const weight = isZero ? 0 : (text.length - start - 1) >> 2
  const firstEnd = text.length - 4 * weight
  const count = isZero ? 0 : 1 + Math.max(0, Math.ceil((end - firstEnd) / 4))
  to.int32(8 + 2 * count)
  to.int16(count)
  to.int16(weight)
  to.int16(start === 1 ? 0x4000 : 0)
  // No decimals.
  to.int16(0)
  let from = start
  for (let index = 0; index < count; index += 1) {
    const digitEnd = firstEnd + 4 * index
    let digit = 0
    for (; from < digitEnd; from += 1) digit = digit * 10 + text.charCodeAt(from) - zero
    to.int16(digit)
  }
}
