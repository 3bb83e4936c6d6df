import { expect, it } from "vitest"
import { isoDuration } from "./iso-duration.ts"

it.each([
  [0, "PT0S"],
  [-5, "PT0S"],
  [1, "PT1S"],
  [5_000, "PT5S"],
  [300_000, "PT5M"],
  [3_630_000, "PT1H30S"],
  [90_061_000, "PT25H1M1S"],
])("writes %i ms as %s", (milliseconds, text) => expect(isoDuration(milliseconds)).toBe(text))
