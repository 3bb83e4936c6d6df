import { readFileSync } from "node:fs"
import { join } from "node:path"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { z } from "zod"
import { gasOfCall, plannedGasMax, settleGas, sizeThatFits } from "./gas-model.ts"
import { foldedAccounts } from "./sample-plans.ts"

const measured = z
  .record(z.string(), z.number())
  .parse(JSON.parse(readFileSync(join(import.meta.dirname, "../../contracts/gas-snapshot.json"), "utf8")))

it("is as near to what a treasury's batches cost", () => {
  const { fixed, existingHolder, newHolder } = gasOfCall.treasury_settle
  for (const [state, own] of [
    ["existing", existingHolder],
    ["new", newHolder],
  ] as const)
    for (const count of [1, 30, 250]) {
      const gas = measured[`treasury pays ${count}, ${state} holders`] ?? 0
      expect(Math.abs(fixed + count * own - gas) / gas).toBeLessThan(0.005)
    }
})

describe("settleGas", () => {
  it.each([1, 10, 30, 80, 250])(
    "is within half a percent of what %i credits were measured to use",
    (count) => {
      for (const [holders, own] of [
        ["existing", settleGas.existingHolder],
        ["new", settleGas.newHolder],
      ] as const) {
        const gas = measured[`settle ${count} credits, ${holders} holders`] ?? 0
        expect(Math.abs(settleGas.fixed + count * own - gas) / gas).toBeLessThan(0.005)
      }
      const debits = measured[`settle ${count} debits, part`]
      if (debits !== undefined)
        expect(Math.abs(settleGas.fixed + count * settleGas.existingHolder - debits) / debits).toBeLessThan(
          0.025,
        )
    },
  )
})

describe("sizeThatFits", () => {
  it("fits 500 of either kind into the largest transaction, and fewer into small blocks", () => {
    const gasMax = plannedGasMax(30_000_000n * 2n)
    expect(gasMax).toBe(16_777_216)
    expect(sizeThatFits(settleGas, foldedAccounts(600, { isNewHolder: true }), 500, gasMax)).toBe(500)
    const small = plannedGasMax(4_000_000n)
    expect(small).toBe(2_000_000)
    expect(sizeThatFits(settleGas, foldedAccounts(600), 500, small)).toBe(237)
    expect(sizeThatFits(settleGas, foldedAccounts(600, { isNewHolder: true }), 500, small)).toBe(72)
    expect(plannedGasMax(null)).toBe(16_777_216)
  })

  it("is at least one, at most what was asked for, and fits", () => {
    fc.assert(
      fc.property(
        fc.array(fc.boolean(), { minLength: 1, maxLength: 600 }),
        fc.integer({ min: 1, max: 500 }),
        fc.integer({ min: 0, max: 16_777_216 }),
        (kinds, sizeMax, gasMax) => {
          const nets = kinds.map((isNewHolder) => ({ isNewHolder }))
          const size = sizeThatFits(settleGas, nets, sizeMax, gasMax)
          expect(size).toBeGreaterThanOrEqual(1)
          expect(size).toBeLessThanOrEqual(Math.min(sizeMax, nets.length))
          const gasOf = (count: number) =>
            nets
              .slice(0, count)
              .reduce(
                (sum, each) => sum + (each.isNewHolder ? settleGas.newHolder : settleGas.existingHolder),
                settleGas.fixed,
              ) * 1.1
          if (size > 1) expect(gasOf(size)).toBeLessThanOrEqual(gasMax)
          if (size < Math.min(sizeMax, nets.length)) expect(gasOf(size + 1)).toBeGreaterThan(gasMax)
        },
      ),
    )
  })
})
