import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { type FeeReading, judgeMarket } from "./congestion.ts"
import { sampleStrategy } from "./sample-plans.ts"

const rules = sampleStrategy.congestion

function reading(baseFees: readonly number[], gasUsedRatios: readonly number[]): FeeReading {
  return { baseFees: baseFees.map(BigInt), gasUsedRatios, blockGasLimit: 30_000_000n }
}

const steady = Array.from({ length: 21 }, () => 1_000)

function congestion(baseFees: readonly number[], gasUsedRatios: readonly number[]) {
  return judgeMarket(reading(baseFees, gasUsedRatios), rules)?.congestion
}

describe("judgeMarket", () => {
  it("calls a chain in balance neither busy nor quiet", () => {
    expect(congestion(steady, [0.4, 0.6, 0.5])).toBe("medium")
  })

  it("calls a chain busy whose fee rises, or whose blocks are full", () => {
    expect(congestion([...steady.slice(4), 1_250, 1_400, 1_600, 1_800], [0.8, 0.8, 0.8])).toBe("high")
    expect(congestion(steady, [0.95, 0.9, 0.9])).toBe("high")
    expect(congestion(steady, [0.1, 0.9, 0.9])).toBe("medium")
  })

  it("calls a chain quiet whose blocks are rather empty and whose fee does not rise", () => {
    expect(congestion(steady, [0, 0, 0.1])).toBe("low")
    expect(congestion([...steady.slice(3), 1_010, 1_020, 1_030], [0, 0, 0])).toBe("medium")
    expect(congestion(steady, [0.5, 0.5, 0.5])).toBe("medium")
  })

  it("looks at the window only, and takes a young chain as it is", () => {
    expect(congestion([...steady.map(() => 1_000_000), ...steady], [0.5, 0.5, 0.5])).toBe("medium")
    expect(congestion([7], [0])).toBe("low")
  })

  it("goes by the gas used where there is no base fee", () => {
    const none = steady.map(() => 0)
    expect(congestion(none, [0.95, 0.95, 0.95])).toBe("high")
    expect(congestion(none, [0.1, 0.1, 0.1])).toBe("low")
  })

  it("makes nothing up for a chain that tells nothing", () => {
    expect(judgeMarket(reading([], []), rules)).toBeNull()
    expect(judgeMarket(reading([1_000], []), rules)).toBeNull()
  })

  it("says the same in whatever unit the fees are, and never calls fuller blocks quieter", () => {
    const fees = fc.array(fc.bigInt({ min: 1n, max: 10n ** 12n }), { minLength: 1, maxLength: 30 })
    const ratio = fc.double({ min: 0, max: 1, noNaN: true })
    const order = ["low", "medium", "high"]
    const judge = (baseFees: readonly bigint[], gasUsedRatios: readonly number[]) =>
      judgeMarket({ baseFees, gasUsedRatios, blockGasLimit: 1n }, rules)?.congestion ?? ""
    fc.assert(
      fc.property(
        fees,
        ratio,
        ratio,
        fc.bigInt({ min: 1n, max: 10n ** 9n }),
        (baseFees, one, other, unit) => {
          const scaled = baseFees.map((fee) => fee * unit)
          expect(judge(scaled, [one])).toBe(judge(baseFees, [one]))
          const [less, more] = [Math.min(one, other), Math.max(one, other)]
          expect(order.indexOf(judge(baseFees, [less]))).toBeLessThanOrEqual(
            order.indexOf(judge(baseFees, [more])),
          )
        },
      ),
    )
  })
})
