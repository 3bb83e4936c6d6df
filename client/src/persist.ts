import { ChainBridgeError } from "./chain-bridge-error.ts"
import { pause } from "./pause.ts"

export type Persistence = {
  /** How often at most something is sent. */
  readonly attemptsMax: number
  /** How long after the first attempt there may be a next one. */
  readonly deadlineMs: number
  /** The wait before the second attempt; it doubles with each further one. */
  readonly backoffMs: number
  /** No wait is longer, unless the API asks for it. */
  readonly backoffMaxMs: number
  /** No wait is longer, whatever the API asks for; as long as it asks for, unless given. */
  readonly retryAfterMaxMs?: number
}

/** Nothing was recorded, or it is not known what was, and it may go well next time. */
const passing: ReadonlySet<number> = new Set([408, 429, 502, 503, 504])
/** Of somebody between the API and us, who may have passed the request on: also whatever the API never says, as 202, 499, 520 or 524. */
const isPassingBetween = (status: number): boolean =>
  passing.has(status) || status === 425 || status === 499 || status >= 500 || (status > 200 && status < 300)
/** Of those that pass, what says for certain that this attempt has recorded nothing. */
const withoutEffect: ReadonlySet<string> = new Set([
  "REQUEST_TIMEOUT",
  "RATE_LIMITED",
  "NOT_READY",
  "STORAGE_FULL",
  "OVERLOADED",
])

/**
 * Attempts something until it goes well, is refused for good, or the bounds are reached.
 * @param operationId of a write: every attempt has the same, so that it happens once at most
 * @throws ChainBridgeError; the reason of the signal, once the caller aborts
 */
export async function persist<T>(
  attempt: () => Promise<T>,
  bounds: Persistence,
  options: { readonly signal?: AbortSignal | undefined; readonly operationId?: string | undefined } = {},
): Promise<T> {
  const { signal, operationId } = options
  const began = performance.now()
  let isOutcomeUnknown = false
  for (let attempts = 1; ; attempts += 1) {
    signal?.throwIfAborted()
    let error: ChainBridgeError
    try {
      return await attempt()
    } catch (thrown) {
      signal?.throwIfAborted()
      error = thrown instanceof ChainBridgeError ? thrown : noAnswer(thrown)
    }
    const { status } = error
    // The API's own refusal says what is wrong; anything else comes from between, and says nothing of what the API did.
    const isOwn = error.errors.length > 0
    const isPassing = status === null || (isOwn ? passing.has(status) : isPassingBetween(status))
    const mayHaveHappened = !isOwn || status === 500 || (isPassing && !withoutEffect.has(error.code))
    // What is refused now says nothing of an earlier attempt, which may still be under way.
    isOutcomeUnknown ||= mayHaveHappened
    const wantedMs = Math.max(error.retryAfterMs ?? 0, backoff(attempts, bounds))
    const waitMs = Math.min(wantedMs, bounds.retryAfterMaxMs ?? wantedMs)
    const isOver = attempts >= bounds.attemptsMax || performance.now() + waitMs > began + bounds.deadlineMs
    if (!isPassing || isOver)
      throw new ChainBridgeError(error.message, {
        ...error,
        cause: error.cause,
        operationId: operationId ?? null,
        isOutcomeUnknown: operationId !== undefined && isOutcomeUnknown,
        attempts,
      })
    await pause(waitMs, signal)
  }
}

function noAnswer(cause: unknown): ChainBridgeError {
  const why = cause instanceof Error ? cause.message : String(cause)
  return new ChainBridgeError(`the API has not answered: ${why}`, { code: "NO_ANSWER", cause })
}

/** Between half of it and all of it, so that those who were cut off together do not come back together. */
function backoff(attempts: number, { backoffMs, backoffMaxMs }: Persistence): number {
  return Math.min(backoffMaxMs, backoffMs * 2 ** (attempts - 1)) * (0.5 + Math.random() / 2)
}
