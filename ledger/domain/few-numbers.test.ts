import fc from "fast-check"
import { expect, test } from "vitest"
import { fewNumbers } from "./few-numbers.ts"

test.each([3, 256, 5_000])("keeps what an array would keep, of up to %i numbers", (different) => {
  const put = fc.tuple(fc.nat({ max: 99 }), fc.nat({ max: different - 1 }))
  fc.assert(
    fc.property(fc.array(put, { maxLength: 600, size: "max" }), (puts) => {
      const numbers = fewNumbers(100)
      const model = new Uint32Array(100)
      for (const [index, value] of puts) {
        // Up to the largest that there are.
        numbers.put(index, 0xffffffff - value)
        model[index] = 0xffffffff - value
      }
      expect(Array.from(model, (_, index) => numbers.at(index))).toEqual([...model])
    }),
  )
})
