import { type Refusal, refuse } from "../refusal.ts"
import { type RateVerdict, spansOf } from "./token-bucket.ts"

/** What a key may still do, as every answer to it says: `RateLimit-Policy: 200;w=2` is 200 requests within 2 seconds. */
export function rateLimitHeaders(verdict: RateVerdict): Record<string, string> {
  const { burst } = verdict.limit
  return {
    "ratelimit-limit": String(burst),
    "ratelimit-remaining": String(verdict.remaining),
    "ratelimit-reset": String(Math.ceil(verdict.fullInMs / 1_000)),
    "ratelimit-policy": `${burst};w=${Math.ceil(spansOf(verdict.limit).fullMs / 1_000)}`,
  }
}

export function refuseRate(verdict: RateVerdict): Refusal {
  const { requestsPerSecond, burst } = verdict.limit
  return refuse(
    "RATE_LIMITED",
    null,
    `this key may make ${requestsPerSecond} requests a second, and ${burst} at once after a pause; send the same request again after the time in Retry-After`,
    { "retry-after": String(Math.max(1, Math.ceil(verdict.retryAfterMs / 1_000))) },
  )
}
