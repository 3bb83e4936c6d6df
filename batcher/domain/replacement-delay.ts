/**
 * How long the newest transaction of a nonce may wait for a block before it is replaced: twice as long each time, up to a maximum.
 * @param attempts transactions of the nonce so far, from 1
 */
export function replacementDelayMs(
  schedule: { readonly replaceAfterMs: number; readonly replaceAfterMaxMs: number },
  attempts: number,
): number {
  const { replaceAfterMs, replaceAfterMaxMs } = schedule
  return Math.min(
    replaceAfterMs * 2 ** Math.min(attempts - 1, 30),
    Math.max(replaceAfterMs, replaceAfterMaxMs),
  )
}
