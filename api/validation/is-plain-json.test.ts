import fc from "fast-check"
import { expect, it } from "vitest"
import { checkJson } from "./check-json.ts"
import { findDuplicateKey } from "./find-duplicate-key.ts"
import { isPlainJson } from "./is-plain-json.ts"

const depthMax = 4
const name = fc.constantFrom("a", "b", "", ":", "a:b", "[", "é", "😀", "__proto__")
const scalar = fc.oneof(
  name,
  fc.constantFrom('q"', "\\", '\\":', "\n"),
  fc.constantFrom(0, -0, 1.5, 2 ** 53 - 1, 2 ** 53, -(2 ** 53), 1e20, null, true, "\u0000", "\ud83d"),
)
/** Texts in which a name may stand twice, which no value can say. */
const { text: anyText } = fc.letrec<{ text: string }>((tie) => ({
  text: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    scalar.map((value) => JSON.stringify(value)),
    fc.array(tie("text"), { maxLength: 4 }).map((texts) => `[ ${texts.join(" ,")}]`),
    fc
      .array(fc.tuple(name, tie("text")), { maxLength: 4 })
      .map((members) => `{${members.map(([key, text]) => `\t${JSON.stringify(key)} :${text}`).join(",")}}`),
  ),
}))

it("says yes to nothing that has a fault, and to all that has none and nothing escaped", () => {
  const seen = { plain: 0, faulty: 0 }
  fc.assert(
    fc.property(anyText, (text) => {
      const value: unknown = JSON.parse(text)
      const isFaulty = checkJson(value, depthMax) !== undefined || findDuplicateKey(text) !== undefined
      seen[isFaulty ? "faulty" : "plain"] += 1
      expect(isPlainJson(text, value, depthMax)).toBe(!isFaulty && !text.includes("\\"))
    }),
    { numRuns: 5_000 },
  )
  expect(Math.min(seen.plain, seen.faulty)).toBeGreaterThan(500)
})

it.each([
  ['{"a":1e999}', false],
  ['{"a":1,"a":1}', false],
  ['{"a":{"b":{"c":{"d":{}}}}}', false],
  ['{"a":"\\u0041"}', false],
  ['{"a":"{\\"b\\":1}"}', false],
  ['{"a":":","b:":[{"c":":"}]}', true],
  ["5", true],
])("%s: %s", (text, isPlain) => expect(isPlainJson(text, JSON.parse(text), depthMax)).toBe(isPlain))
