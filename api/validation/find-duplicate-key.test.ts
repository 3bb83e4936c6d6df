import { expect, it } from "vitest"
import { findDuplicateKey } from "./find-duplicate-key.ts"

it.each([
  ['{"a":1,"a":2}', "a"],
  ['{"amount":"+1","\\u0061mount":"+1000"}', "amount"],
  ['{"\\u0061":1,"b":2,"a":3}', "a"],
  ['[{"x":{"y":[1,{"k":1,"j":2,"k":3}]}}]', "k"],
  ['{"a":{"b":1},"c":[{}],"a":1}', "a"],
  ['{"":1,"":2}', ""],
  ['{ "a\\"b" : 1 ,\n\t"a\\"b" : 2 }', 'a"b'],
  ['{"__proto__":1,"__proto__":2}', "__proto__"],
  ['{"a\\\\":1,"a\\\\":2}', "a\\"],
])("finds the name that stands twice: %s", (text, name) => {
  JSON.parse(text)
  expect(findDuplicateKey(text)).toBe(name)
})

it.each([
  "5",
  '"a"',
  "[]",
  "{}",
  '["a","a"]',
  '{"a":"a","b":"a"}',
  '{"a":["a","b","a"],"b":1}',
  '[{"a":1},{"a":2}]',
  '{"a":{"a":{"a":1}},"b":{"a":1}}',
  '{"a":"{\\"a\\":1,\\"a\\":2}"}',
  '{"a":"\\\\","b":"\\\\"}',
  '{"constructor":1,"toString":2}',
  '{"a":1,"A":2,"á":3}',
])("lets pass: %s", (text) => {
  JSON.parse(text)
  expect(findDuplicateKey(text)).toBeUndefined()
})

it("takes the largest and the deepest body in one pass", () => {
  const depth = 2_000_000
  const from = performance.now()
  expect(findDuplicateKey("[".repeat(depth) + "]".repeat(depth))).toBeUndefined()
  expect(
    findDuplicateKey(`{${Array.from({ length: 500_000 }, (_, n) => `"${n}":1`).join()}}`),
  ).toBeUndefined()
  expect(findDuplicateKey(`["${'\\"'.repeat(depth)}"]`)).toBeUndefined()
  expect(performance.now() - from).toBeLessThan(5_000)
})
