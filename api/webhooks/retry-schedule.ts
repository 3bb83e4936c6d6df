/** How long to wait after the first, the second … failed attempt. After one more the message goes to the dead letters. */
export const retryDelaysMs: readonly number[] = [
  5_000,
  5 * 60_000,
  30 * 60_000,
  2 * 3_600_000,
  5 * 3_600_000,
  10 * 3_600_000,
  10 * 3_600_000,
]

/** Many that failed together do not come back together. */
export const jitter = 0.2
/** No receiver holds us off for longer than the longest wait is. */
const retryAfterMsMax = 12 * 3_600_000

/** How long a fault of ours is waited for: as long as it has lasted, within these bounds. */
export const faultWaitMs = { shortest: 5_000, longest: 30 * 60_000 } as const

/**
 * @param failures failed attempts so far, at least one
 * @param random of [0, 1)
 * @param retryAfterMs what the receiver asked for; it makes the wait longer, and never shorter
 * @returns null: there is no further attempt
 */
export function decideRetry(failures: number, random: number, retryAfterMs: number | null): number | null {
  const delayMs = retryDelaysMs[failures - 1]
  if (delayMs === undefined) return null
  const wished = Math.min(retryAfterMs ?? 0, retryAfterMsMax)
  return Math.round(Math.max(delayMs * (1 + jitter * random), wished))
}

/** `Retry-After`: seconds, or a date. */
export function readRetryAfter(text: string | undefined, nowMs: number): number | null {
  if (text === undefined) return null
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1_000
  const atMs = Date.parse(text)
  return Number.isNaN(atMs) ? null : Math.max(0, atMs - nowMs)
}
