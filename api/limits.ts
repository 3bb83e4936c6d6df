/** Bounds of what one caller can ask of the process. */
export type ApiLimits = {
  /** Bytes of a request body. */
  readonly bodyBytesMax: number
  /** Levels of objects and arrays in a body. */
  readonly bodyDepthMax: number
  /** How long a handler may take before the caller is told to ask again. */
  readonly requestTimeoutMs: number
  /** How long the sender of a file may send nothing. */
  readonly uploadIdleMs: number
  /** How long a stop waits for requests in flight. Less than the 3 s after which `start` kills the API. */
  readonly shutdownTimeoutMs: number
  /** Age at which the registry's copy is loaded again. */
  readonly registryMaxAgeMs: number
  /** How long an API key is believed without asking the database. */
  readonly keyMaxAgeMs: number
  readonly keysCachedMax: number
  /** Age at which the figures of the settlement lanes are measured again. */
  readonly laneMaxAgeMs: number
  /** How long the reader of a stream may take for one page of it. */
  readonly readerStallMs: number
}

export const defaultApiLimits: ApiLimits = {
  bodyBytesMax: 8 * 1024 * 1024,
  bodyDepthMax: 32,
  requestTimeoutMs: 30_000,
  uploadIdleMs: 30_000,
  shutdownTimeoutMs: 2_500,
  registryMaxAgeMs: 2_000,
  keyMaxAgeMs: 2_000,
  keysCachedMax: 10_000,
  laneMaxAgeMs: 1_000,
  readerStallMs: 60_000,
}
