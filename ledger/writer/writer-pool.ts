import type pg from "pg"
import { createPool } from "../../platform/postgres.ts"

const connectionsMax = 8

/**
 * The connections of a process's writers, apart from everybody else's: reads that pile up delay no write. They pipeline, and stay open, so that a write after a quiet hour
 * finds its statements prepared.
 */
export function createWriterPool(options: {
  readonly databaseUrl: string
  readonly applicationName: string
}): pg.Pool {
  return createPool({
    ...options,
    connectionsMax,
    connectionsMin: 2,
    pipeline: true,
    settings: {
      // A statement is planned once and then runs for as long as its connection lives: by then the small table that it was planned on may be a large one.
      plan_cache_mode: "force_generic_plan",
      enable_seqscan: "off",
    },
  })
}
