/** When a lane stops because too much of what it does fails. */
export type ErrorRateRules = {
  /** How far back failures and mined batches count. */
  readonly windowMs: number
  /** Of all that was tried: from here on the lane stops. */
  readonly thresholdPercent: number
  /** Fewer failures than this are bad luck. */
  readonly failuresMin: number
}

/** @returns why the lane has to stop; null: it need not */
export function judgeErrorRate(
  outcomes: { readonly failed: number; readonly mined: number },
  { windowMs, thresholdPercent, failuresMin }: ErrorRateRules,
): string | null {
  const { failed, mined } = outcomes
  const tried = failed + mined
  if (failed < failuresMin || failed * 100 < tried * thresholdPercent) return null
  return `${failed} of ${tried} attempts failed within ${Math.round(windowMs / 1_000)} s; the limit is ${thresholdPercent} %`
}
