/** A bucket holds so many tokens at most, and gets so many a second; each request takes one. */
export type RateLimit = { readonly requestsPerSecond: number; readonly burst: number }

/** What became of a request. */
export type RateVerdict = {
  readonly isAllowed: boolean
  readonly limit: RateLimit
  /** Tokens that are left. */
  readonly remaining: number
  /** Until the bucket is full again. */
  readonly fullInMs: number
  /** Until there is a token; 0 where there was one. */
  readonly retryAfterMs: number
}

/** Time that a token takes to come back, and that all of them take. */
export function spansOf({ requestsPerSecond, burst }: RateLimit): {
  readonly gapMs: number
  readonly fullMs: number
} {
  const gapMs = 1_000 / requestsPerSecond
  return { gapMs, fullMs: gapMs * burst }
}

/** @param fullInMs until the bucket is full, after the request where it was allowed */
export function verdictOf(isAllowed: boolean, fullInMs: number, limit: RateLimit): RateVerdict {
  const { gapMs, fullMs } = spansOf(limit)
  return {
    isAllowed,
    limit,
    // A thousandth of a token is what adding up times may lose.
    remaining: isAllowed ? Math.max(0, Math.floor((fullMs - fullInMs) / gapMs + 0.001)) : 0,
    fullInMs,
    retryAfterMs: isAllowed ? 0 : Math.max(0, fullInMs + gapMs - fullMs),
  }
}

/** Where buckets are kept. A bucket is one figure, the moment at which it will be full: that of a key nobody has used for a while need not be kept. */
export type BucketStore = {
  take(subject: string, limit: RateLimit): RateVerdict | Promise<RateVerdict>
}
