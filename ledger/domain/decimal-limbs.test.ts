import fc from "fast-check"
import { expect, test } from "vitest"
import {
  addLimbs,
  equalLimbs,
  extendLimbs,
  isSum,
  limbCount,
  limbsNeeded,
  parseLimbs,
  readLimbs,
  shiftDown,
  shiftUp,
  trailingZeros,
  writeLimbs,
} from "./decimal-limbs.ts"

const max = 10n ** 78n - 1n
// Small ones, those of a token with 18 decimals, and the ends of what numeric(78, 0) holds.
const amount = fc.oneof(
  fc.bigInt({ min: -1_000_000_001n, max: 1_000_000_001n }),
  fc.bigInt({ min: -(10n ** 24n), max: 10n ** 24n }),
  fc.bigInt({ min: -max, max }),
  fc.nat({ max: 77 }).map((digits) => 10n ** BigInt(digits) - 1n),
)

function limbsOf(value: bigint): Uint32Array {
  const limbs = new Uint32Array(limbCount)
  writeLimbs(limbs, 0, value)
  return limbs
}

test("a number comes back, whatever its sign and length", () => {
  fc.assert(
    fc.property(amount, (value) => {
      expect(readLimbs(limbsOf(value), 0)).toBe(value)
    }),
  )
})

test("adding is adding, and two ways to one sum are equal", () => {
  fc.assert(
    fc.property(amount, amount, (one, other) => {
      const limbs = limbsOf(one)
      addLimbs(limbs, 0, limbsOf(other), 0)
      expect(readLimbs(limbs, 0)).toBe(one + other)
      expect(equalLimbs(limbs, 0, limbsOf(one + other), 0)).toBe(true)
      expect(equalLimbs(limbs, 0, limbsOf(one + other + 1n), 0)).toBe(false)
      const all = (said: bigint) =>
        Uint32Array.from([said, one, other].flatMap((value) => [...limbsOf(value)]))
      expect(isSum(all(one + other), 0, limbCount, 2 * limbCount)).toBe(true)
      expect(isSum(all(one + other + 1n), 0, limbCount, 2 * limbCount)).toBe(false)
    }),
  )
})

test("the bytes of a number are read as BigInt reads its text", () => {
  fc.assert(
    fc.property(amount, (value) => {
      const bytes = Buffer.from(`x${value}y`)
      const limbs = new Uint32Array(limbCount)
      expect(parseLimbs(limbs, 0, bytes, 1, bytes.length - 1)).toBe(true)
      expect(readLimbs(limbs, 0)).toBe(value)
    }),
  )
})

test.each(["", "-", "1.5", "1e3", "NaN", " 1", "0x10", "1".repeat(79)])("%j is no number", (text) => {
  const bytes = Buffer.from(text)
  expect(parseLimbs(new Uint32Array(limbCount), 0, bytes, 0, bytes.length)).toBe(false)
})

test("the limbs that are needed give the number back", () => {
  fc.assert(
    fc.property(amount, (value) => {
      const limbs = limbsOf(value)
      const needed = limbsNeeded(limbs, 0)
      const short = new Uint32Array(limbCount).fill(7)
      short.set(limbs.subarray(0, needed))
      extendLimbs(short, 0, needed)
      expect(readLimbs(short, 0)).toBe(value)
    }),
  )
  expect(limbsNeeded(limbsOf(10n ** 18n), 0)).toBe(3)
  expect(limbsNeeded(limbsOf(-5n), 0)).toBe(1)
  expect(limbsNeeded(limbsOf(499_999_999n), 0)).toBe(1)
  expect(limbsNeeded(limbsOf(500_000_000n), 0)).toBe(2)
})

test("what ends in zeros comes back from its shorter form, which is the number without them", () => {
  fc.assert(
    fc.property(amount, fc.nat({ max: 77 }), (value, digits) => {
      const size = (value < 0n ? -value : value).toString().length
      const zeros = Math.min(digits, 78 - size)
      const limbs = limbsOf(value * 10n ** BigInt(zeros))
      expect(trailingZeros(limbs, 0)).toBeGreaterThanOrEqual(zeros)
      expect(trailingZeros(limbs, 0, zeros)).toBe(zeros)
      const short = new Uint32Array(limbCount)
      shiftDown(limbs, 0, zeros, short)
      expect(readLimbs(short, 0)).toBe(value)
      shiftUp(short, zeros)
      expect(short).toEqual(limbs)
    }),
  )
  expect(trailingZeros(limbsOf(-1_250n * 10n ** 16n), 0)).toBe(17)
  expect(trailingZeros(limbsOf(0n), 0)).toBe(81)
  expect(trailingZeros(limbsOf(7n), 0)).toBe(0)
})
