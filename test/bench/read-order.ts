/** One round of reads, as the process that makes them is told. */
export type ReadOrder = {
  /** Paths below `/api/v1`, drawn at random. */
  readonly paths: readonly string[]
  /** Lines that end with CRLF. */
  readonly headers: string
  readonly connections: number
  readonly seconds: number
  /** Requests a second, sent at their time whether or not the ones before them are answered; null: each connection sends the next one when it has its answer. */
  readonly perSecond: number | null
}

export type ReadResult = {
  readonly requests: number
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
}
