import { createHash } from "node:crypto"
import fc from "fast-check"
import { expect, test } from "vitest"
import { noDigestPairs } from "./digest-pairs.ts"

const digestOf = (value: number) => createHash("sha256").update(String(value)).digest("binary")

test("keeps what a map would keep, while pairs come and go", () => {
  const step = fc.record({ does: fc.constantFrom("add", "add", "add", "remove"), which: fc.nat({ max: 40 }) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const pairs = noDigestPairs()
      const model = new Map<number, { key: number; value: string }>()
      for (const [index, { does, which }] of steps.entries()) {
        const position = 3 * index + 1
        const known = [...model].find(([, { key }]) => key === which)
        expect(pairs.has(digestOf(which))).toBe(known !== undefined)
        if (does === "add" && known === undefined) {
          const value = digestOf(1_000 + position)
          pairs.add(position, digestOf(which), value)
          model.set(position, { key: which, value })
        } else if (does === "remove" && known !== undefined) {
          pairs.remove(known[0])
          model.delete(known[0])
          expect(pairs.valueAt(known[0])).toBeUndefined()
        }
      }
      for (const [position, { value }] of model) expect(pairs.valueAt(position)).toBe(value)
      expect(pairs.valueAt(2)).toBeUndefined()
      expect([...pairs.positions()]).toEqual([...model.keys()])
    }),
  )
})

test("finds each of many, over pages and however often the index grew", () => {
  const pairs = noDigestPairs()
  const count = 10_000
  for (let index = 0; index < count; index += 1) pairs.add(index + 1, digestOf(index), digestOf(-index))
  for (let index = 0; index < count; index += 2) pairs.remove(index + 1)
  for (let index = 0; index < count; index += 1) {
    expect(pairs.has(digestOf(index))).toBe(index % 2 === 1)
    expect(pairs.valueAt(index + 1)).toBe(index % 2 === 1 ? digestOf(-index) : undefined)
  }
  expect(pairs.has(digestOf(count))).toBe(false)
})
