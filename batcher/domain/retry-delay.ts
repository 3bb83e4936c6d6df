const retryDelayMsMax = 3_600_000

/** How long to wait after the n-th failure (from 1): doubles each time, at most an hour. */
export function retryDelayMs(intervalMs: number, failures: number): number {
  return Math.min(intervalMs * 2 ** Math.min(failures - 1, 20), retryDelayMsMax)
}
