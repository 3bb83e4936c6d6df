/** One of the reasons of a refusal. `field` is a path in the body, the name of a parameter, or null for the request as a whole. */
export type FieldError = { readonly field: string | null; readonly code: string; readonly message: string }

export type ChainBridgeErrorDetails = {
  readonly code: string
  readonly status?: number | null
  readonly errors?: readonly FieldError[]
  readonly requestId?: string | null
  readonly retryAfterMs?: number | null
  readonly operationId?: string | null
  readonly isOutcomeUnknown?: boolean
  readonly attempts?: number
  readonly cause?: unknown
}

/** The API has refused, or has not answered in the end. */
export class ChainBridgeError extends Error {
  override readonly name = "ChainBridgeError"
  /** Of the API (docs/errors.md), or one of the client's own: `NO_ANSWER`, `UNREADABLE_ANSWER`, `SETTLEMENT_FAILED`, `NOT_CONFIRMED_YET`, `NOTHING_TO_CONFIRM`, `WEBHOOK_NOT_VERIFIED`. */
  readonly code: string
  /** Of the HTTP answer; null where there is none. */
  readonly status: number | null
  /** Everything that was wrong; the first gives `code` and `message`. */
  readonly errors: readonly FieldError[]
  /** For questions to those who run the API. */
  readonly requestId: string | null
  /** Under which a write was sent. The same request with this id is safe to send at any later time. */
  readonly operationId: string | null
  /** Whether a write may have been recorded although it failed here: send it again with the same `operationId` to find out. */
  readonly isOutcomeUnknown: boolean
  /** How often it was sent. */
  readonly attempts: number
  /** What the last answer asked for by `Retry-After`. */
  readonly retryAfterMs: number | null

  constructor(message: string, details: ChainBridgeErrorDetails) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.code = details.code
    this.status = details.status ?? null
    this.errors = details.errors ?? []
    this.requestId = details.requestId ?? null
    this.operationId = details.operationId ?? null
    this.isOutcomeUnknown = details.isOutcomeUnknown ?? false
    this.attempts = details.attempts ?? 1
    this.retryAfterMs = details.retryAfterMs ?? null
  }
}
