import { expect, test } from "vitest"
import { parseDuration } from "./duration.ts"

test.each([
  ["500ms", 500],
  ["5s", 5_000],
  ["15m", 900_000],
  ["1h", 3_600_000],
  ["7d", 604_800_000],
  ["0s", 0],
])("%s is %d ms", (text, milliseconds) => {
  expect(parseDuration(text)).toBe(milliseconds)
})

test.each(["", "5", "5 s", "-5s", "1.5h", "5S", "s", "9999999999s"])("%j is no duration", (text) => {
  expect(parseDuration(text)).toBeUndefined()
})
