// What is shorter is written faster by ourselves than by a call that leaves JavaScript.
const shortText = 16
const shortBytes = 64

/** Bytes that are written one behind the other, into memory that grows with them and is used again after `clear`. */
export class ByteWriter {
  #bytes: Buffer
  #length = 0

  constructor(capacity = 4_096) {
    this.#bytes = Buffer.allocUnsafe(capacity)
  }

  get length(): number {
    return this.#length
  }

  clear(): void {
    this.#length = 0
  }

  /** All of them, where they are: they hold until the next are written. */
  written(): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }

  /** Two bytes, big-endian; of a negative number its two's complement. */
  int16(number: number): void {
    const at = this.#take(2)
    const bytes = this.#bytes
    bytes[at] = number >>> 8
    bytes[at + 1] = number
  }

  /** Four of them; of a number that needs more the last four. */
  int32(number: number): void {
    // Before the bytes are looked up: taking may move them.
    const at = this.#take(4)
    put32(this.#bytes, at, number)
  }

  /** Eight of them. */
  int64(value: bigint | number): void {
    const number = Number(value)
    if (Number.isSafeInteger(number)) {
      this.int32(Math.floor(number / 2 ** 32))
      this.int32(number)
    } else {
      const exact = BigInt(value)
      this.int32(Number(BigInt.asUintN(32, exact >> 32n)))
      this.int32(Number(BigInt.asUintN(32, exact)))
    }
  }

  bytes(source: Uint8Array): void {
    const { length } = source
    const at = this.#take(length)
    const bytes = this.#bytes
    if (length > shortBytes) bytes.set(source, at)
    else for (let index = 0; index < length; index += 1) bytes[at + index] = source[index] ?? 0
  }

  /** A four-byte length and the bytes: so PostgreSQL's binary rows and the encoding of events have a field. */
  bytesField(source: Uint8Array): void {
    this.int32(source.length)
    this.bytes(source)
  }

  /** The same with the UTF-8 of a text. */
  textField(text: string): void {
    const at = this.#take(4)
    this.text(text)
    put32(this.#bytes, at, this.#length - at - 4)
  }

  /** A field without a value. */
  absentField(): void {
    this.int32(-1)
  }

  /** In UTF-8. */
  text(text: string): void {
    const { length } = text
    if (length <= shortText) {
      const from = this.#take(length)
      const bytes = this.#bytes
      let index = 0
      for (; index < length; index += 1) {
        const code = text.charCodeAt(index)
        if (code > 127) break
        bytes[from + index] = code
      }
      if (index === length) return
      this.#length = from
    }
    // A unit of UTF-16 takes three bytes at most; they are counted where so much is not there.
    const isRoom = this.#length + 3 * length <= this.#bytes.length
    const from = this.#take(isRoom ? 3 * length : Buffer.byteLength(text))
    this.#length = from + this.#bytes.write(text, from)
  }

  /** Makes room for the next bytes, which count as written. @returns where they begin */
  #take(count: number): number {
    const at = this.#length
    const end = at + count
    if (end > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(2 * end)
      this.#bytes.copy(larger, 0, 0, at)
      this.#bytes = larger
    }
    this.#length = end
    return at
  }
}

function put32(bytes: Buffer, at: number, number: number): void {
  bytes[at] = number >>> 24
  bytes[at + 1] = number >>> 16
  bytes[at + 2] = number >>> 8
  bytes[at + 3] = number
}
