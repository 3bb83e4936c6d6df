export const replayWays = ["plain fold", "verify", "verify, one thread", "rebuild of balances"] as const
export type ReplayWay = (typeof replayWays)[number]

export type ReplayRow = {
  readonly way: ReplayWay
  readonly events: number
  readonly seconds: number
  readonly per_second: number
  /** Of our process; what PostgreSQL uses is not in it. */
  readonly cpu_seconds: number
  readonly peak_mb: number
}
