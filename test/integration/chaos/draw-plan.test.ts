import { expect, test } from "vitest"
import { drawPlan } from "../../chaos/plan/draw-plan.ts"
import { type FaultKind, faultKinds, rareKind } from "../../chaos/plan/fault-kinds.ts"

const kindsOf = (seeds: readonly number[]): ReadonlySet<FaultKind> =>
  new Set(seeds.flatMap((seed) => Object.values(drawPlan(seed).faults).flat()).map(({ kind }) => kind))

test("a seed gives the same plan every time, and no other seed does", () => {
  expect(drawPlan(7)).toEqual(drawPlan(7))
  const plans = new Set(Array.from({ length: 300 }, (_, seed) => JSON.stringify(drawPlan(seed))))
  expect(plans.size).toBe(300)
})

test("three seeds from a multiple of three on have every kind of fault, but for the indexer's death", () => {
  for (let seed = 0; seed < 300; seed += 3)
    expect([...kindsOf([seed, seed + 1, seed + 2]), rareKind].sort()).toEqual(
      expect.arrayContaining([...faultKinds].sort()),
    )
})

test("the indexer dies in every tenth run", () => {
  for (let seed = 0; seed < 100; seed += 1) expect(kindsOf([seed]).has(rareKind)).toBe(seed % 10 === 0)
})

test("ten seeds in a row have every kind of fault", () => {
  for (let first = 0; first < 100; first += 1) {
    const seeds = Array.from({ length: 10 }, (_, index) => first + index)
    expect(kindsOf(seeds).size).toBe(faultKinds.length)
  }
})
