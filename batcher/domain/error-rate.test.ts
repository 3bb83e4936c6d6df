import { describe, expect, it } from "vitest"
import { judgeErrorRate } from "./error-rate.ts"

const rules = { windowMs: 600_000, thresholdPercent: 50, failuresMin: 5 }

describe("the error rate of a lane", () => {
  it.each([
    ["nothing was tried", 0, 0],
    ["few failures, however bad the rate", 4, 0],
    ["many failures among many more successes", 10, 11],
  ])("lets it go on: %s", (_, failed, mined) => {
    expect(judgeErrorRate({ failed, mined }, rules)).toBeNull()
  })

  it.each([
    ["just enough failures, and nothing else", 5, 0],
    ["exactly the limit", 10, 10],
  ])("stops it: %s", (_, failed, mined) => {
    expect(judgeErrorRate({ failed, mined }, rules)).toBe(
      `${failed} of ${failed + mined} attempts failed within 600 s; the limit is 50 %`,
    )
  })
})
