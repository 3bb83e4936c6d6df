import { expect, it } from "vitest"
import { createCircuitBreaker } from "./circuit-breaker.ts"

const limits = { failuresMax: 3, openMs: 1_000, openMsMax: 3_000 }

it("opens after the third failure in a row and lets one trial through when the pause is over", () => {
  const breaker = createCircuitBreaker(limits)
  breaker.failed(0)
  breaker.failed(0)
  expect(breaker.allows(0)).toBe(true)
  breaker.failed(0)
  expect(breaker.allows(999)).toBe(false)
  expect(breaker.allows(1_000)).toBe(true)
  expect(breaker.allows(1_000)).toBe(false)
  breaker.succeeded()
  expect(breaker.allows(1_000)).toBe(true)
  expect(breaker.isOpen()).toBe(false)
})

it("forgets failures at a success", () => {
  const breaker = createCircuitBreaker(limits)
  breaker.failed(0)
  breaker.failed(0)
  breaker.succeeded()
  breaker.failed(0)
  expect(breaker.allows(0)).toBe(true)
})

it("pauses longer after each failed trial, up to the maximum", () => {
  const breaker = createCircuitBreaker(limits)
  for (let failure = 0; failure < 3; failure += 1) breaker.failed(0)
  expect(breaker.allows(1_000)).toBe(true)
  breaker.failed(1_000)
  expect(breaker.allows(2_999)).toBe(false)
  expect(breaker.allows(3_000)).toBe(true)
  breaker.failed(3_000)
  expect(breaker.allows(5_999)).toBe(false)
  expect(breaker.allows(6_000)).toBe(true)
})
