import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { feesFrom } from "./fees.ts"
import { gasLimitFor, gasLimitMax } from "./gas-limit.ts"
import { retryDelayMs } from "./retry-delay.ts"

describe("feesFrom", () => {
  it("takes the median tip and lets the base fee double, both with the buffer", () => {
    const history = { baseFeePerGas: [50n, 100n], tips: [3_000_000n, 0n, 1_000_000n, 2_000_000n] }
    expect(feesFrom(history, 10)).toEqual({ maxFeePerGas: 2_200_220n, maxPriorityFeePerGas: 2_200_000n })
  })

  it("offers a tip where nobody does", () => {
    expect(feesFrom({ baseFeePerGas: [0n], tips: [] }, 0)).toEqual({
      maxFeePerGas: 1_000_000n,
      maxPriorityFeePerGas: 1_000_000n,
    })
  })

  it("always covers the next block's base fee and its own tip", () => {
    const fee = fc.bigInt({ min: 0n, max: 10n ** 14n })
    fc.assert(
      fc.property(
        fc.array(fee, { minLength: 1 }),
        fc.array(fee),
        fc.integer({ min: 0, max: 100 }),
        (base, tips, buffer) => {
          const fees = feesFrom({ baseFeePerGas: base, tips }, buffer)
          expect(fees.maxFeePerGas).toBeGreaterThanOrEqual((base.at(-1) ?? 0n) + fees.maxPriorityFeePerGas)
        },
      ),
    )
  })
})

it("gas: a tenth more, room for emptied accounts, and the chain's limit", () => {
  expect(gasLimitFor(100_000n, 2)).toBe(110_000n + 34_200n)
  expect(gasLimitFor(16_000_000n, 100)).toBe(gasLimitMax)
})

it("waits twice as long after each failure, at most an hour", () => {
  expect([1, 2, 3, 30, 5_000].map((failures) => retryDelayMs(60_000, failures))).toEqual([
    60_000, 120_000, 240_000, 3_600_000, 3_600_000,
  ])
})
