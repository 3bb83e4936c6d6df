import fc from "fast-check"
import { describe, expect, it } from "vitest"
import {
  coversMarket,
  type Fees,
  type Market,
  marketFrom,
  offeredPerGas,
  offerFor,
  raiseFees,
} from "./fees.ts"
import { gasLimitFor, gasLimitMax, transactionGasMax } from "./gas-limit.ts"
import { replacementDelayMs } from "./replacement-delay.ts"
import { retryDelayMs } from "./retry-delay.ts"

const uncapped = (bufferPercent: number) => ({ bufferPercent, maxFeePerGas: null })
const amount = fc.bigInt({ min: 0n, max: 10n ** 14n })
const market: fc.Arbitrary<Market> = fc.oneof(
  fc.record({
    type: fc.constant("eip1559" as const),
    baseFee: amount,
    tip: fc.bigInt({ min: 1n, max: 10n ** 14n }),
  }),
  fc.record({ type: fc.constant("legacy" as const), gasPrice: amount }),
)
const fees: fc.Arbitrary<Fees> = fc.oneof(
  fc.tuple(amount, amount).map(([tip, room]) => ({
    type: "eip1559" as const,
    maxFeePerGas: tip + room,
    maxPriorityFeePerGas: tip,
  })),
  amount.map((gasPrice) => ({ type: "legacy" as const, gasPrice })),
)
const policy = fc.record({
  bufferPercent: fc.integer({ min: 0, max: 100 }),
  maxFeePerGas: fc.option(fc.bigInt({ min: 1n, max: 10n ** 15n })),
})

/** Each fee that a transaction names. */
const amountsOf = (offered: Fees) =>
  offered.type === "legacy" ? [offered.gasPrice] : [offered.maxFeePerGas, offered.maxPriorityFeePerGas]

describe("marketFrom", () => {
  it("takes the next block's base fee and the median tip", () => {
    const tips = [3_000_000n, 0n, 1_000_000n, 2_000_000n]
    const blocks = tips.map((half) => ({ fullness: 1, tips: { quarter: half / 2n, half } }))
    expect(marketFrom({ baseFeePerGas: [50n, 100n], blocks })).toEqual({
      ...{ type: "eip1559", baseFee: 100n, tip: 2_000_000n },
    })
  })

  it("pays what the cheaper part paid where there was room", () => {
    const blocks = [0.5, 0.5, 1].map((fullness) => ({
      ...{ fullness, tips: { quarter: 2_000_000n, half: 9_000_000n } },
    }))
    expect(marketFrom({ baseFeePerGas: [1n], blocks })).toMatchObject({ tip: 2_000_000n })
  })

  it("asks no more of a chain on which only we send than it did at first", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 40, maxLength: 60 }),
        fc.bigInt({ min: 1_000_000n, max: 10n ** 12n }),
        fc.integer({ min: 0, max: 100 }),
        (fullnesses, first, bufferPercent) => {
          const blocks = [{ fullness: 0.1, tips: { quarter: first, half: first } }]
          for (const fullness of fullnesses) {
            const market = marketFrom({ baseFeePerGas: [7n], blocks: blocks.slice(-20) })
            const decision = offerFor(market, uncapped(bufferPercent))
            if (!("fees" in decision) || decision.fees.type === "legacy") throw new Error("no offer")
            const tip = decision.fees.maxPriorityFeePerGas
            expect(tip).toBeLessThanOrEqual(first)
            blocks.push({ fullness, tips: { quarter: tip, half: tip } })
          }
        },
      ),
    )
  })

  it("knows a tip where nobody gives one", () => {
    expect(marketFrom({ baseFeePerGas: [0n], blocks: [] })).toMatchObject({ tip: 1_000_000n })
  })
})

describe("offerFor", () => {
  it("offers the tip and lets the base fee double, with the buffer on the room alone", () => {
    expect(offerFor({ type: "eip1559", baseFee: 100n, tip: 2_000n }, uncapped(10))).toEqual({
      fees: { type: "eip1559", maxFeePerGas: 2_220n, maxPriorityFeePerGas: 2_000n },
    })
  })

  it("offers a gas price as it is, for it is paid in full", () => {
    expect(offerFor({ type: "legacy", gasPrice: 1_000n }, uncapped(15))).toEqual({
      fees: { type: "legacy", gasPrice: 1_000n },
    })
  })

  it("gives up the room before it gives up the transaction, and never goes above the limit", () => {
    const asked: Market = { type: "eip1559", baseFee: 100n, tip: 10n }
    expect(offerFor(asked, { bufferPercent: 0, maxFeePerGas: 110n })).toEqual({
      fees: { type: "eip1559", maxFeePerGas: 110n, maxPriorityFeePerGas: 10n },
    })
    expect(offerFor(asked, { bufferPercent: 0, maxFeePerGas: 109n })).toEqual({
      refused: "MARKET_ABOVE_MAX_FEE",
      marketPerGas: 110n,
      maxFeePerGas: 109n,
    })
  })

  it("always makes an offer that the next block may take, or none", () => {
    fc.assert(
      fc.property(market, policy, (asked, limits) => {
        const decision = offerFor(asked, limits)
        if ("refused" in decision) return
        expect(coversMarket(decision.fees, asked)).toBe(true)
        const [most = 0n, tip = 0n] = amountsOf(decision.fees)
        expect(tip).toBeLessThanOrEqual(most)
        if (limits.maxFeePerGas !== null) expect(most).toBeLessThanOrEqual(limits.maxFeePerGas)
      }),
    )
  })
})

describe("raiseFees", () => {
  const quiet: Market = { type: "eip1559", baseFee: 1n, tip: 1_000n }

  it("raises both fees by an eighth, rounded up, when the market asks for no more", () => {
    const last: Fees = { type: "eip1559", maxFeePerGas: 1_001n, maxPriorityFeePerGas: 1_000n }
    expect(raiseFees(last, quiet, uncapped(0))).toEqual({
      fees: { type: "eip1559", maxFeePerGas: 1_127n, maxPriorityFeePerGas: 1_125n },
    })
  })

  it("goes to the market where that is higher", () => {
    const last: Fees = { type: "eip1559", maxFeePerGas: 1_001n, maxPriorityFeePerGas: 1_000n }
    expect(raiseFees(last, { ...quiet, baseFee: 10_000n }, uncapped(0))).toEqual({
      fees: { type: "eip1559", maxFeePerGas: 21_000n, maxPriorityFeePerGas: 1_125n },
    })
  })

  it("stops at the limit, and says which of the two was too much", () => {
    const last: Fees = { type: "legacy", gasPrice: 100n }
    const capped = { bufferPercent: 0, maxFeePerGas: 112n }
    expect(raiseFees(last, { type: "legacy", gasPrice: 100n }, capped)).toEqual({
      refused: "RAISE_ABOVE_MAX_FEE",
      raisedPerGas: 113n,
      maxFeePerGas: 112n,
    })
    expect(raiseFees(last, { type: "legacy", gasPrice: 113n }, capped)).toMatchObject({
      refused: "MARKET_ABOVE_MAX_FEE",
    })
  })

  it("does not go on when fees are not what the transaction waits for", () => {
    const last: Fees = { type: "eip1559", maxFeePerGas: 10_000n, maxPriorityFeePerGas: 4_000n }
    expect(raiseFees(last, quiet, uncapped(0))).toEqual({ refused: "OUTBIDS_MARKET" })
  })

  it("keeps the type of the first transaction, whatever becomes of the chain", () => {
    const legacy: Fees = { type: "legacy", gasPrice: 10n }
    expect(raiseFees(legacy, { type: "eip1559", baseFee: 100n, tip: 5n }, uncapped(0))).toEqual({
      fees: { type: "legacy", gasPrice: 105n },
    })
    const last: Fees = { type: "eip1559", maxFeePerGas: 10n, maxPriorityFeePerGas: 10n }
    expect(raiseFees(last, { type: "legacy", gasPrice: 100n }, uncapped(0))).toMatchObject({
      fees: { type: "eip1559" },
    })
  })

  it("offers at least an eighth more in every respect, never above the limit, and what the market asks", () => {
    fc.assert(
      fc.property(fees, market, policy, (last, asked, limits) => {
        const decision = raiseFees(last, asked, limits)
        if ("refused" in decision) return
        const before = amountsOf(last)
        const after = amountsOf(decision.fees)
        expect(decision.fees.type).toBe(last.type)
        for (const [index, fee] of after.entries()) {
          expect(fee * 8n).toBeGreaterThanOrEqual((before[index] ?? 0n) * 9n)
          expect(fee).toBeGreaterThan(before[index] ?? 0n)
        }
        const [most = 0n, tip = 0n] = after
        expect(tip).toBeLessThanOrEqual(most)
        if (limits.maxFeePerGas !== null) expect(most).toBeLessThanOrEqual(limits.maxFeePerGas)
        expect(offeredPerGas(decision.fees)).toBe(most)
        if (asked.type === last.type) expect(coversMarket(decision.fees, asked)).toBe(true)
      }),
    )
  })
})

it("gas: a tenth more, room for emptied accounts, and the chain's limit", () => {
  expect(gasLimitFor(100_000n, 2, gasLimitMax)).toBe(110_000n + 34_200n)
  expect(gasLimitFor(16_000_000n, 100, gasLimitMax)).toBe(gasLimitMax)
  expect([transactionGasMax(30_000_000n), transactionGasMax(8_000_000n)]).toEqual([16_777_216n, 8_000_000n])
})

it("waits twice as long after each failure, at most an hour", () => {
  expect([1, 2, 3, 30, 5_000].map((failures) => retryDelayMs(60_000, failures))).toEqual([
    60_000, 120_000, 240_000, 3_600_000, 3_600_000,
  ])
})

it("replaces after twice as long each time, up to a maximum that is no less than the first time", () => {
  const schedule = { replaceAfterMs: 60_000, replaceAfterMaxMs: 300_000 }
  expect([1, 2, 3, 4, 500].map((attempts) => replacementDelayMs(schedule, attempts))).toEqual([
    60_000, 120_000, 240_000, 300_000, 300_000,
  ])
  expect(replacementDelayMs({ replaceAfterMs: 5_000, replaceAfterMaxMs: 1_000 }, 3)).toBe(5_000)
})
