import fc from "fast-check"
import { expect, it } from "vitest"
import { createMemoryBuckets } from "./memory-buckets.ts"

const limit = { requestsPerSecond: 10, burst: 5 }

it("gives what is in the bucket at once, then as much as comes back", () => {
  let at = 0
  const buckets = createMemoryBuckets(10, () => at)
  const take = () => buckets.take("key", limit)
  expect(Array.from({ length: 5 }, () => take().remaining)).toEqual([4, 3, 2, 1, 0])
  expect(take()).toMatchObject({ isAllowed: false, remaining: 0, retryAfterMs: 100, fullInMs: 500 })
  at = 99
  expect(take().isAllowed).toBe(false)
  at = 100
  expect(take()).toMatchObject({ isAllowed: true, remaining: 0, fullInMs: 500 })
  expect(take().isAllowed).toBe(false)
  at = 10_000
  expect(take()).toMatchObject({ isAllowed: true, remaining: 4, fullInMs: 100 })
  expect(buckets.take("another", limit).remaining).toBe(4)
})

it("has a limit that was raised hold at once, whatever was taken under the lower one", () => {
  let at = 0
  const buckets = createMemoryBuckets(10, () => at)
  const low = { requestsPerSecond: 1, burst: 300 }
  for (let taken = 0; taken < 300; taken += 1) buckets.take("key", low)
  expect(buckets.take("key", low).isAllowed).toBe(false)
  const high = { requestsPerSecond: 1_000, burst: 2_000 }
  expect(buckets.take("key", high).retryAfterMs).toBeLessThanOrEqual(1)
  at = 2
  expect(buckets.take("key", high).isAllowed).toBe(true)
})

it("never gives more than the burst and what has come since, in any span of time, and refuses nobody who keeps below that", () => {
  const gaps = fc.array(fc.oneof(fc.constant(0), fc.nat(30), fc.nat(400)), { minLength: 1, maxLength: 80 })
  fc.assert(
    fc.property(gaps, (waits) => {
      let at = 0
      const buckets = createMemoryBuckets(10, () => at)
      const allowed: number[] = []
      let tokens = limit.burst
      for (const wait of waits) {
        at += wait
        tokens = Math.min(limit.burst, tokens + (wait * limit.requestsPerSecond) / 1_000)
        const { isAllowed } = buckets.take("key", limit)
        expect(isAllowed).toBe(tokens > 0.9999)
        if (!isAllowed) continue
        tokens -= 1
        allowed.push(at)
      }
      for (const [first, from] of allowed.entries()) {
        for (const [offset, to] of allowed.slice(first).entries())
          expect(offset + 1).toBeLessThanOrEqual(
            limit.burst + ((to - from) * limit.requestsPerSecond) / 1_000 + 0.001,
          )
      }
    }),
  )
})
