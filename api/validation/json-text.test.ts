import { expect, it } from "vitest"
import { endOfString, findUnstorableName } from "./json-text.ts"

it.each([
  ['{"\\\\":1}', "\\"],
  ['{"a":[{"\\u005c":1}]}', "\\"],
  ['{"a":1,"b\\n" \n\t:2}', "b\n"],
  ['{"\\"":1}', '"'],
  ['{"\\u0000":1}', "\u0000"],
  ['{"\\ud83d":1}', "\ud83d"],
  ['{"a":"\\\\","\\\\":1}', "\\"],
])("finds a name that cannot be kept: %s", (text, name) => expect(findUnstorableName(text)).toBe(name))

it.each([
  '{"a":1}',
  '{"\\u00e9":1,"\\/":2,"\\ud83d\\ude00":3}',
  '{"a":"\\\\","b":"\\n:","c":["\\"",":"]}',
  '["\\\\"]',
  '"\\\\',
  '{"a\\x":1}',
  "\\",
])("leaves to the parser: %s", (text) => expect(findUnstorableName(text)).toBeUndefined())

it("finds the end of a string behind any number of backslashes, and of the longest ones in one pass", () => {
  expect(['"a"', '"\\""', '"\\\\"', '"\\\\\\""', '"\\'].map((text) => endOfString(text, 0))).toEqual([
    2, 3, 3, 5, -1,
  ])
  const half = 2_000_000
  const from = performance.now()
  expect(endOfString(`"${"\\\\".repeat(half)}"`, 0)).toBe(2 * half + 1)
  expect(findUnstorableName(`{"a":"${'\\"'.repeat(half)}","\\\\":1}`)).toBe("\\")
  expect(performance.now() - from).toBeLessThan(5_000)
})
