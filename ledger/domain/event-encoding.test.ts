import { createHash } from "node:crypto"
import fc from "fast-check"
import { expect, test } from "vitest"
import { type EncodableEvent, encodeEvent, hashDetails, hashEvent } from "./event-encoding.ts"

const anyText = fc.string({ unit: "binary", maxLength: 400 })
const anyTime = fc.date({ noInvalidDate: true, min: new Date(0), max: new Date("9999-12-31T23:59:59.999Z") })
const anyInteger = fc.bigInt({ min: -(2n ** 255n), max: 2n ** 255n })

const anyEvent: fc.Arbitrary<EncodableEvent> = fc.record({
  ledgerId: fc.uuid(),
  position: fc.bigInt({ min: 1n, max: 2n ** 62n }),
  type: fc.constantFrom("AdjustmentRecorded", "SettlementSealed"),
  version: fc.integer({ min: 1, max: 9 }),
  operationId: fc.option(anyText),
  sequence: fc.option(fc.nat()),
  accountId: fc.option(fc.bigInt({ min: 1n, max: 2n ** 62n })),
  amount: fc.option(anyInteger),
  balanceAfter: fc.option(anyInteger),
  occurredAt: anyTime,
  recordedAt: anyTime,
  causation: anyText,
  dataJson: anyText,
  detailsHash: fc.option(fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes))),
})

/** As docs/event-encoding.md has it, field by field. */
function asDocumented(event: EncodableEvent): Buffer {
  const texts = [
    "chainbridge-event-1",
    event.ledgerId,
    event.position,
    event.type,
    event.version,
    event.operationId,
    event.sequence,
    event.accountId,
    event.amount,
    event.balanceAfter,
    event.occurredAt.toISOString(),
    event.recordedAt.toISOString(),
    event.causation,
    event.dataJson,
  ].map((value) => (value === null ? null : Buffer.from(String(value))))
  return Buffer.concat(
    [...texts, event.detailsHash].flatMap((bytes) => {
      const length = Buffer.alloc(4)
      length.writeUInt32BE(bytes?.length ?? 0xffffffff)
      return bytes === null ? [length] : [length, bytes]
    }),
  )
}

const sha256 = (...parts: Buffer[]) => createHash("sha256").update(Buffer.concat(parts)).digest()

test("any event is encoded and hashed as documented", () => {
  fc.assert(
    fc.property(anyEvent, fc.uint8Array({ minLength: 32, maxLength: 32 }), (event, bytes) => {
      const previous = Buffer.from(bytes)
      expect(encodeEvent(event)).toEqual(asDocumented(event))
      expect(hashEvent(previous, event)).toEqual(sha256(previous, asDocumented(event)))
    }),
  )
})

test("details are hashed behind their salt, whatever their script", () => {
  fc.assert(
    fc.property(anyText, fc.uint8Array({ minLength: 16, maxLength: 16 }), (details, bytes) => {
      expect(hashDetails(Buffer.from(bytes), details)).toEqual(
        sha256(Buffer.from(bytes), Buffer.from(details)),
      )
    }),
  )
})

test("an event longer than the one before it is hashed in full", () => {
  const [event] = fc.sample(anyEvent, 1)
  if (event === undefined) throw new Error("no event")
  const long = { ...event, dataJson: "x".repeat(3_000_000) }
  expect(hashEvent(Buffer.alloc(32), long)).toEqual(sha256(Buffer.alloc(32), asDocumented(long)))
})
