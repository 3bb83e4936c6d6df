export type CircuitBreakerLimits = {
  /** Failures in a row that open the circuit. */
  readonly failuresMax: number
  /** How long it stays open the first time; doubles with each failed trial. */
  readonly openMs: number
  readonly openMsMax: number
}

/** Keeps callers away from something that keeps failing, and lets one of them try it now and then. Times in ms. */
export type CircuitBreaker = {
  /** Whether a call may be made now. Once the pause is over, one caller gets a yes and the others wait for his result. */
  allows(nowMs: number): boolean
  succeeded(): void
  failed(nowMs: number): void
  readonly isOpen: () => boolean
}

export function createCircuitBreaker(limits: CircuitBreakerLimits): CircuitBreaker {
  let failures = 0
  let openUntilMs: number | undefined
  let openMs = limits.openMs
  let isTrying = false

  return {
    allows(nowMs) {
      if (openUntilMs === undefined) return true
      if (isTrying || nowMs < openUntilMs) return false
      isTrying = true
      return true
    },
    succeeded() {
      failures = 0
      openUntilMs = undefined
      openMs = limits.openMs
      isTrying = false
    },
    failed(nowMs) {
      failures += 1
      if (isTrying) openMs = Math.min(openMs * 2, limits.openMsMax)
      if (isTrying || (failures >= limits.failuresMax && openUntilMs === undefined))
        openUntilMs = nowMs + openMs
      isTrying = false
    },
    isOpen: () => openUntilMs !== undefined,
  }
}
