/**
 * The one base of every fault that the system throws. An expected refusal is a value, never an exception.
 * `code` is stable and may be shown to callers; `retryable` says whether the same call may succeed later.
 */
export class ChainBridgeError extends Error {
  readonly code: string
  readonly retryable: boolean

  constructor(code: string, message: string, options: { retryable?: boolean; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = "ChainBridgeError"
    this.code = code
    this.retryable = options.retryable ?? false
  }
}

/** The cause chain of an error, outermost first, as one line for a log or a terminal. */
export function describeError(error: unknown): string {
  const parts: string[] = []
  for (let current: unknown = error; current !== undefined && parts.length < 8; ) {
    if (!(current instanceof Error)) {
      parts.push(String(current))
      break
    }
    parts.push(current.message === "" ? current.name : current.message)
    current = current.cause
  }
  return parts.join(": ")
}

/** An error and its causes, outermost first, at most ten. */
export function causesOf(error: unknown): unknown[] {
  const causes: unknown[] = []
  for (let current = error; current !== undefined && current !== null && causes.length < 10; ) {
    causes.push(current)
    current = (current as { cause?: unknown }).cause
  }
  return causes
}

/** Ends every `switch` on a union: a new member that nobody handles is a type error here. */
export function unreachable(value: never): never {
  throw new ChainBridgeError("UNREACHABLE", `unhandled case: ${JSON.stringify(value)}`)
}

/** States what must be true. A failure is a defect of ours, never of the caller. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new ChainBridgeError("INVARIANT_VIOLATED", message)
}
