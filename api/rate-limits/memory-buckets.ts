import { LRUCache } from "lru-cache"
import { type RateLimit, type RateVerdict, spansOf, verdictOf } from "./token-bucket.ts"

/** Buckets of this process. @param now a clock that never goes back, in milliseconds */
export function createMemoryBuckets(
  bucketsMax: number,
  now: () => number = () => performance.now(),
): { take(subject: string, limit: RateLimit): RateVerdict } {
  const fullAt = new LRUCache<string, number>({ max: bucketsMax })
  return {
    take(subject, limit) {
      const at = now()
      const { gapMs, fullMs } = spansOf(limit)
      const stored = fullAt.get(subject) ?? at
      // No later than an empty bucket of this limit: what was taken under a slower one is not waited for.
      const before = Math.min(Math.max(at, stored), at + fullMs)
      const after = before + gapMs
      if (after - at > fullMs + 0.001) {
        if (before < stored) fullAt.set(subject, before)
        return verdictOf(false, before - at, limit)
      }
      fullAt.set(subject, after)
      return verdictOf(true, after - at, limit)
    },
  }
}
