export type RateLimiter = {
  /**
   * Takes the next free place.
   * @returns how long to wait for it, in ms; null when that would be longer than `waitMsMax`: then no place is taken
   */
  reserve(nowMs: number, waitMsMax: number): number | null
}

/** So many places a second, evenly, and as many at once after a second of rest. */
export function createRateLimiter(perSecond: number): RateLimiter {
  const gapMs = 1_000 / perSecond
  // When the next place is free if one was taken every gap; behind now by as much as may be made up at once.
  let nextMs = Number.NEGATIVE_INFINITY
  return {
    reserve(nowMs, waitMsMax) {
      const placeMs = Math.max(nextMs, nowMs - 1_000 + gapMs)
      const waitMs = Math.max(0, placeMs - nowMs)
      if (waitMs > waitMsMax) return null
      nextMs = placeMs + gapMs
      return waitMs
    },
  }
}
