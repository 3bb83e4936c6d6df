import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { batchIdOf, type Delta, decodeDeltas, encodeDeltas, type Hex } from "./packed-deltas.ts"

const account = "0x00000000000000000000000000000000000000a1"
const shortMax = 2n ** 95n - 1n

const amounts = fc.oneof(
  fc.bigInt({ min: -(2n ** 96n), max: 2n ** 96n }),
  fc.bigInt({ min: -(2n ** 255n), max: 2n ** 255n - 1n }),
  fc.constantFrom(shortMax, shortMax + 1n, -shortMax, -shortMax - 1n, -shortMax - 2n, -(2n ** 255n)),
)
const addresses = fc
  .bigInt({ min: 1n, max: 2n ** 160n - 1n })
  .map((value): Hex => `0x${value.toString(16).padStart(40, "0")}`)
const deltas = fc.record({ address: addresses, amount: amounts.filter((amount) => amount !== 0n) })

describe("encodeDeltas", () => {
  test.each<[string, bigint, string]>([
    ["one", 1n, `${"0".repeat(23)}1`],
    ["minus one", -1n, "f".repeat(24)],
    ["the largest short amount", shortMax, `7${"f".repeat(23)}`],
    ["the smallest short amount", -shortMax, `8${"0".repeat(22)}1`],
    ["one above the short range", shortMax + 1n, `8${"0".repeat(23)}${"0".repeat(40)}8${"0".repeat(23)}`],
    ["the short mark itself", -shortMax - 1n, `8${"0".repeat(23)}${"f".repeat(40)}8${"0".repeat(23)}`],
    ["the smallest amount", -(2n ** 255n), `8${"0".repeat(23)}8${"0".repeat(63)}`],
  ])("writes %s", (_, amount, expected) => {
    expect(encodeDeltas([{ address: account, amount }])).toBe(`${account}${expected}`)
  })

  test("keeps the order and lower-cases addresses", () => {
    const upper = `0x${"AB".repeat(20)}` as const
    expect(
      encodeDeltas([
        { address: upper, amount: 2n },
        { address: account, amount: -1n },
      ]),
    ).toBe(`0x${"ab".repeat(20)}${"2".padStart(24, "0")}${account.slice(2)}${"f".repeat(24)}`)
  })

  test.each<[string, Delta, RegExp]>([
    ["a zero amount", { address: account, amount: 0n }, /delta of zero/],
    ["the zero address", { address: `0x${"0".repeat(40)}`, amount: 1n }, /zero address/],
    ["a short address", { address: "0xa1", amount: 1n }, /not an address/],
    ["an amount of 256 bits", { address: account, amount: 2n ** 255n }, /does not fit 256 bits/],
  ])("refuses %s", (_, delta, message) => {
    expect(() => encodeDeltas([delta])).toThrow(message)
  })
})

describe("decodeDeltas", () => {
  test("gives back what was encoded", () => {
    fc.assert(
      fc.property(fc.array(deltas, { maxLength: 20 }), (input) => {
        expect(decodeDeltas(encodeDeltas(input))).toEqual(input)
      }),
    )
  })

  test("has one encoding only for each list of deltas", () => {
    const tampered = fc.record({
      input: fc.array(deltas, { minLength: 1, maxLength: 3 }),
      position: fc.nat(),
      flip: fc.integer({ min: 1, max: 255 }),
    })
    fc.assert(
      fc.property(tampered, ({ input, position, flip }) => {
        const bytes = Buffer.from(encodeDeltas(input).slice(2), "hex")
        const index = position % bytes.length
        bytes[index] = (bytes[index] ?? 0) ^ flip
        const hex: Hex = `0x${bytes.toString("hex")}`
        const decoded = decodedOrRefused(hex)
        if (decoded !== "refused") {
          expect(encodeDeltas(decoded)).toBe(hex)
          expect(decoded).not.toEqual(input)
        }
      }),
    )
  })

  test.each<[string, string, RegExp]>([
    ["an odd number of digits", "0x1", /not hexadecimal/],
    ["a record cut short", `${account}${"0".repeat(22)}`, /cut short at byte 20/],
    ["a long form without its amount", `${account}8${"0".repeat(23)}`, /cut short at byte 32/],
    ["the zero address", `0x${"0".repeat(63)}1`, /zero address/],
    ["a zero amount", `${account}${"0".repeat(24)}`, /delta of zero/],
    ["a long zero", `${account}8${"0".repeat(23)}${"0".repeat(64)}`, /delta of zero/],
    [
      "a long form that fits the short",
      `${account}8${"0".repeat(23)}${"1".padStart(64, "0")}`,
      /longer than/,
    ],
  ])("refuses %s", (_, hex, message) => {
    expect(() => decodeDeltas(hex as Hex)).toThrow(message)
  })
})

describe("batchIdOf", () => {
  test("puts the ledger above the sequence", () => {
    expect(batchIdOf("01890a5d-ac96-774b-bcce-b302099a8057", 258n)).toBe(
      "0x000000000000000001890a5dac96774bbcceb302099a80570000000000000102",
    )
  })

  test.each([-1n, 2n ** 64n])("refuses the sequence %s", (sequence) => {
    expect(() => batchIdOf("01890a5d-ac96-774b-bcce-b302099a8057", sequence)).toThrow(/out of range/)
  })

  test("refuses what is not a uuid", () => {
    expect(() => batchIdOf("ledger-1", 1n)).toThrow(/not a uuid/)
  })
})

function decodedOrRefused(hex: Hex): Delta[] | "refused" {
  try {
    return decodeDeltas(hex)
  } catch {
    return "refused"
  }
}
