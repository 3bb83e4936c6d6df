/** Which accounts a load touches, of `users` numbered ones. `each`: one after the other, to open them. */
export type Population = {
  readonly users: number
  readonly pick: "uniform" | "zipf" | "hot" | "each"
}

/** One round of load, as a process that makes load is told. */
export type LoadOrder = Population & {
  /** Adjustments of one operation. */
  readonly perRequest: number
  /** Operations under way at the same time. */
  readonly connections: number
  /** Ends after this long, or after so many operations where `operations` is set. */
  readonly seconds: number
  readonly operations?: number
  /** Indexes of the system's targets (APIs, ledgers) that the connections are dealt to in turn. */
  readonly targets: readonly number[]
}

export type LoadResult = {
  readonly operations: number
  readonly adjustments: number
  readonly seconds: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
  /** Operations by target, in the order's order. */
  readonly byTarget: readonly number[]
}
