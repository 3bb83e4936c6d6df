export type AttemptSignal = {
  readonly signal: AbortSignal
  /** Begins to wait anew: for as long again, or for another time. */
  restart(ms?: number): void
  /** Ends what is under way. */
  abort(): void
  /** Forgets the timer and the caller's signal. */
  release(): void
}

/** A timer that is to take longer ends at once. */
const timerMsMax = 2 ** 31 - 1

/** A signal of one attempt: it is over with the caller's, and after a time. */
export function createAttemptSignal(timeoutMs: number, caller: AbortSignal | undefined): AttemptSignal {
  const controller = new AbortController()
  const follow = (): void => controller.abort(caller?.reason)
  const late = (ms: number) =>
    setTimeout(
      () => controller.abort(new Error(`nothing came for ${ms / 1_000} s`)),
      Math.min(ms, timerMsMax),
    )
  let timer = late(timeoutMs)
  if (caller?.aborted === true) follow()
  caller?.addEventListener("abort", follow, { once: true })
  return {
    signal: controller.signal,
    restart(ms = timeoutMs) {
      clearTimeout(timer)
      timer = late(ms)
    },
    abort: () => controller.abort(),
    release() {
      clearTimeout(timer)
      caller?.removeEventListener("abort", follow)
    },
  }
}
