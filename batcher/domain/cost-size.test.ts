import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { type CostInput, costSize } from "./cost-size.ts"
import { settleGas } from "./gas-model.ts"
import { foldedAccounts, sampleStrategy } from "./sample-plans.ts"

const minute = 60_000

function wanted(waiting: number, more: Partial<CostInput> = {}, isNewHolder = false): number {
  return costSize({
    sizes: sampleStrategy.cost,
    model: settleGas,
    // They came within a minute, and have a quarter of an hour.
    nets: foldedAccounts(waiting, { deadlineMs: 15 * minute, isNewHolder }),
    baseFeePercent: 100,
    nowMs: minute,
    ...more,
  })
}

describe("costSize", () => {
  it("goes when waiting on saves less than a percent, sooner while gas is cheap, not before 250 while it is dear", () => {
    expect(wanted(50)).toBe(168)
    expect(wanted(50, { baseFeePercent: 95 })).toBe(100)
    expect(wanted(50, { baseFeePercent: 110 })).toBe(250)
  })

  it("wants less of new holders, beside whose own gas the fixed one is small", () => {
    expect(wanted(50, {}, true)).toBe(100)
  })

  it("waits for no more than can come before the first deadline", () => {
    expect(wanted(50, { nowMs: 4 * minute, baseFeePercent: 110 })).toBe(187)
    expect(wanted(1, { nowMs: 14 * minute, baseFeePercent: 110 })).toBe(100)
  })

  it("stays between its ends; a dearer moment never makes it smaller; it waits for nothing that is not worth it", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 600 }),
        fc.integer({ min: 0, max: 1_000 }),
        fc.integer({ min: 0, max: 1_000 }),
        fc.integer({ min: 0, max: 20 * minute }),
        (waiting, one, other, nowMs) => {
          const [cheap, dear] = [Math.min(one, other), Math.max(one, other)]
          const size = wanted(waiting, { baseFeePercent: cheap, nowMs })
          expect(size).toBeGreaterThanOrEqual(100)
          expect(size).toBeLessThanOrEqual(250)
          expect(wanted(waiting, { baseFeePercent: dear, nowMs })).toBeGreaterThanOrEqual(size)
          const perRecipient = (recipients: number) => settleGas.fixed / recipients + settleGas.existingHolder
          const best = reachable(waiting, nowMs)
          const atAverage = wanted(waiting, { nowMs })
          expect(perRecipient(atAverage) * 0.99).toBeLessThanOrEqual(perRecipient(best))
          if (atAverage > 100) expect(perRecipient(atAverage - 1) * 0.99).toBeGreaterThan(perRecipient(best))
        },
      ),
    )
  })
})

/** What can come until the deadline of `wanted`. */
function reachable(waiting: number, nowMs: number): number {
  const perMs = waiting / Math.max(nowMs, 1_000)
  return Math.min(250, Math.max(100, Math.floor(waiting + perMs * Math.max(15 * minute - nowMs, 0))))
}
