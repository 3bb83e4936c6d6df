import { expect, it } from "vitest"
import { createRateLimiter } from "./rate-limiter.ts"

it("lets a second's worth through at once, then one after the other", () => {
  const limiter = createRateLimiter(10)
  const waits = Array.from({ length: 13 }, () => limiter.reserve(5_000, 60_000))
  expect(waits.slice(0, 10)).toEqual(Array.from({ length: 10 }, () => 0))
  expect(waits.slice(10)).toEqual([100, 200, 300])
})

it("takes no place for whoever would wait too long", () => {
  const limiter = createRateLimiter(10)
  for (let taken = 0; taken < 10; taken += 1) limiter.reserve(0, 0)
  expect(limiter.reserve(0, 99)).toBeNull()
  expect(limiter.reserve(0, 99)).toBeNull()
  expect(limiter.reserve(50, 99)).toBe(50)
})

it("saves up no more than a second", () => {
  const limiter = createRateLimiter(2)
  limiter.reserve(0, 0)
  expect([1, 2, 3].map(() => limiter.reserve(60_000, 10_000))).toEqual([0, 0, 500])
})

it("never lets more through in any second than twice the limit, and less in the long run", () => {
  const limiter = createRateLimiter(5)
  const starts: number[] = []
  for (let nowMs = 0; nowMs < 10_000; nowMs += 10) {
    const waitMs = limiter.reserve(nowMs, 0)
    if (waitMs !== null) starts.push(nowMs + waitMs)
  }
  expect(starts.length).toBeLessThanOrEqual(5 * 10 + 5)
})
