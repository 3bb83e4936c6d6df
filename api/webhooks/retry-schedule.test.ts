import { expect, it } from "vitest"
import { decideRetry, readRetryAfter, retryDelaysMs } from "./retry-schedule.ts"

const hourMs = 3_600_000

it("tries eight times within a bit more than a day", () => {
  const waits = retryDelaysMs.map((_, index) => decideRetry(index + 1, 0, null) ?? Number.NaN)
  expect(waits).toEqual([5_000, 300_000, 1_800_000, 2 * hourMs, 5 * hourMs, 10 * hourMs, 10 * hourMs])
  expect(waits.reduce((sum, wait) => sum + wait) / hourMs).toBeCloseTo(27.585, 2)
  expect(decideRetry(8, 0, null)).toBeNull()
  expect(decideRetry(8, 0, 1_000)).toBeNull()
})

it("waits up to a fifth longer, so that those who failed together do not come back together", () => {
  expect(decideRetry(2, 0.5, null)).toBe(330_000)
  expect(decideRetry(2, 0.999, null)).toBeLessThan(360_000)
})

it("lets the receiver make a wait longer, up to twelve hours, and never shorter", () => {
  expect(decideRetry(1, 0, 60_000)).toBe(60_000)
  expect(decideRetry(2, 0, 60_000)).toBe(300_000)
  expect(decideRetry(1, 0, 100 * hourMs)).toBe(12 * hourMs)
})

it("reads Retry-After as seconds and as a date", () => {
  const nowMs = Date.UTC(2030, 0, 1)
  expect(readRetryAfter(undefined, nowMs)).toBeNull()
  expect(readRetryAfter("120", nowMs)).toBe(120_000)
  expect(readRetryAfter("Tue, 01 Jan 2030 00:00:30 GMT", nowMs)).toBe(30_000)
  expect(readRetryAfter("Mon, 31 Dec 2029 00:00:30 GMT", nowMs)).toBe(0)
  expect(readRetryAfter("soon", nowMs)).toBeNull()
  expect(readRetryAfter("-5", nowMs)).not.toBe(-5_000)
})
