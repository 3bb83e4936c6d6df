/** Bounds of what one caller can ask of the process. */
export type ApiLimits = {
  /** Bytes of a request body. */
  readonly bodyBytesMax: number
  /** Levels of objects and arrays in a body. */
  readonly bodyDepthMax: number
  /** How long a handler may take before the caller is told to ask again. */
  readonly requestTimeoutMs: number
  /** How long address and headers of a request may take to arrive. */
  readonly headersTimeoutMs: number
  /** How long a JSON body may take to arrive. */
  readonly bodyTimeoutMs: number
  /** Connections at a time; one more is closed at once. */
  readonly connectionsMax: number
  /** How long the sender of a file may send nothing. */
  readonly uploadIdleMs: number
  /** How long a stop waits for requests in flight. Less than the 3 s after which `start` kills the API. */
  readonly shutdownTimeoutMs: number
  /** Age at which the registry's copy is loaded again. */
  readonly registryMaxAgeMs: number
  /** How long an API key is believed without asking the database. */
  readonly keyMaxAgeMs: number
  readonly keysCachedMax: number
  /** Users whose balances the process remembers; 0: none. */
  readonly balancesCachedMax: number
  /** Age at which the figures of the settlement lanes are measured again. */
  readonly laneMaxAgeMs: number
  /** Open subscriptions to live updates. */
  readonly subscriptionsMax: number
  /** Subscriptions of one WebSocket. */
  readonly subscriptionsPerSocketMax: number
  /** What may wait for a subscriber who reads slowly; what comes after is read from the log when there is room again. */
  readonly subscriberBufferBytes: number
  /** How often a subscriber hears that his connection lives, and whether his key does is looked at. */
  readonly heartbeatMs: number
  /** How long the reader of a stream may take for one page of it. */
  readonly readerStallMs: number
  /** Of one app. */
  readonly webhooksMax: number
}

export const defaultApiLimits: ApiLimits = {
  bodyBytesMax: 8 * 1024 * 1024,
  bodyDepthMax: 32,
  requestTimeoutMs: 30_000,
  headersTimeoutMs: 15_000,
  bodyTimeoutMs: 20_000,
  connectionsMax: 10_000,
  uploadIdleMs: 30_000,
  shutdownTimeoutMs: 2_500,
  registryMaxAgeMs: 2_000,
  keyMaxAgeMs: 2_000,
  keysCachedMax: 10_000,
  balancesCachedMax: 50_000,
  laneMaxAgeMs: 1_000,
  subscriptionsMax: 5_000,
  subscriptionsPerSocketMax: 50,
  subscriberBufferBytes: 64 * 1024,
  heartbeatMs: 15_000,
  readerStallMs: 60_000,
  webhooksMax: 100,
}
