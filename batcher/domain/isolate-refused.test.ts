import fc from "fast-check"
import { expect, it } from "vitest"
import { isolateRefused } from "./isolate-refused.ts"

const refuseAny = (bad: ReadonlySet<number>) => (some: readonly number[]) =>
  Promise.resolve(some.some((item) => bad.has(item)) ? "blocked" : null)

it("finds exactly those that are refused by themselves, with few questions", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 500 }),
      fc.array(fc.nat(499), { maxLength: 5 }),
      async (size, chosen) => {
        const items = Array.from({ length: size }, (_, index) => index)
        const bad = new Set(chosen.map((index) => index % size))
        let questions = 0
        const found = await isolateRefused(
          items,
          (some) => {
            questions += 1
            return refuseAny(bad)(some)
          },
          10_000,
        )
        expect(found.map(({ item }) => item)).toEqual([...bad].sort((a, b) => a - b))
        expect(questions).toBeLessThanOrEqual(2 * Math.max(bad.size, 1) * (Math.ceil(Math.log2(size)) + 1))
      },
    ),
    { numRuns: 200 },
  )
})

it("finds none where only all of them together are too much", async () => {
  const refuse = (some: readonly number[]) => Promise.resolve(some.length > 3 ? "needs too much gas" : null)
  expect(await isolateRefused([1, 2, 3, 4, 5, 6], refuse, 100)).toEqual([])
})

it("stops asking at the limit, with what it has found", async () => {
  const items = Array.from({ length: 64 }, (_, index) => index)
  let questions = 0
  const found = await isolateRefused(
    items,
    (some) => {
      questions += 1
      return refuseAny(new Set(items))(some)
    },
    10,
  )
  expect(questions).toBe(10)
  expect(found.length).toBeGreaterThan(0)
})
