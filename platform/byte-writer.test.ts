import fc from "fast-check"
import { expect, it } from "vitest"
import { ByteWriter } from "./byte-writer.ts"

type Step = { readonly write: (to: ByteWriter) => void; readonly bytes: Buffer }

function integer(length: 2 | 4, number: number): Buffer {
  const bytes = Buffer.alloc(length)
  bytes.writeIntBE(number, 0, length)
  return bytes
}

function long(value: bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64BE(value)
  return bytes
}

const field = (bytes: Buffer) => Buffer.concat([integer(4, bytes.length), bytes])
const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.string({ unit: "binary-ascii", maxLength: 40 }),
)
const bytes = fc.uint8Array({ maxLength: 100 }).map((each) => Buffer.from(each))
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.integer({ min: -32_768, max: 32_767 }).map((number) => ({
    write: (to: ByteWriter) => to.int16(number),
    bytes: integer(2, number),
  })),
  fc.integer().map((number) => ({ write: (to: ByteWriter) => to.int32(number), bytes: integer(4, number) })),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((value) => ({
    write: (to: ByteWriter) => to.int64(value),
    bytes: long(value),
  })),
  fc.maxSafeInteger().map((number) => ({
    write: (to: ByteWriter) => to.int64(number),
    bytes: long(BigInt(number)),
  })),
  bytes.map((each) => ({ write: (to: ByteWriter) => to.bytes(each), bytes: each })),
  bytes.map((each) => ({ write: (to: ByteWriter) => to.bytesField(each), bytes: field(each) })),
  text.map((each) => ({ write: (to: ByteWriter) => to.text(each), bytes: Buffer.from(each) })),
  text.map((each) => ({ write: (to: ByteWriter) => to.textField(each), bytes: field(Buffer.from(each)) })),
  fc.constant({ write: (to: ByteWriter) => to.absentField(), bytes: integer(4, -1) }),
)

it("writes the same wherever its memory comes to its end", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), fc.integer({ min: 0, max: 64 }), (steps, capacity) => {
      const writer = new ByteWriter(capacity)
      const expected = Buffer.concat(steps.map((each) => each.bytes))
      // The second time nothing has to grow any more.
      for (let time = 0; time < 2; time += 1) {
        writer.clear()
        for (const { write } of steps) write(writer)
        expect(writer.length).toBe(expected.length)
        expect(writer.written()).toEqual(expected)
      }
    }),
  )
})
