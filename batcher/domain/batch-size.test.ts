import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { adaptiveSize, urgentSize } from "./batch-size.ts"
import { sampleStrategy } from "./sample-plans.ts"

const levels = ["low", "medium", "high"] as const

describe("adaptiveSize", () => {
  it("takes the token's table, never above the largest batch, and the middle where nothing was measured", () => {
    const strategy = { ...sampleStrategy, sizeMax: 30 }
    expect(levels.map((level) => adaptiveSize(strategy, level))).toEqual([30, 25, 15])
    expect(adaptiveSize(strategy, null)).toBe(25)
  })

  it.each([
    [25, [40, 25, 15]],
    [20, [35, 20, 10]],
    [12, [27, 12, 10]],
    [5, [20, 5, 5]],
    [60, [60, 60, 50]],
  ])("goes around an optimal size of %i where there is no table", (optimalSize, sizes) => {
    const strategy = { optimalSize, sizeMax: 500, networkSizes: null }
    expect(levels.map((level) => adaptiveSize(strategy, level))).toEqual(sizes)
  })

  it("stays between its ends, and is never larger on a busier chain", () => {
    const size = fc.integer({ min: 1, max: 500 })
    fc.assert(
      fc.property(size, size, (one, other) => {
        const [optimalSize, sizeMax] = [Math.min(one, other), Math.max(one, other)]
        const [low = 0, medium = 0, high = 0] = levels.map((level) =>
          adaptiveSize({ optimalSize, sizeMax, networkSizes: null }, level),
        )
        expect(medium).toBe(optimalSize)
        expect(low).toBeGreaterThanOrEqual(medium)
        expect(high).toBeLessThanOrEqual(medium)
        expect(low).toBeLessThanOrEqual(Math.min(sizeMax, Math.max(optimalSize, 40)))
        expect(low - medium).toBeLessThanOrEqual(15)
        expect(high).toBeGreaterThanOrEqual(Math.min(10, optimalSize))
        expect(medium - high).toBeLessThanOrEqual(10)
      }),
    )
  })
})

describe("urgentSize", () => {
  it("is 5 less, down to 15, and never more than without urgency", () => {
    expect([40, 25, 20, 18, 15, 10, 1].map(urgentSize)).toEqual([35, 20, 15, 15, 15, 10, 1])
  })
})
