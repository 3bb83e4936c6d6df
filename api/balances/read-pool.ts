import type pg from "pg"
import { createPool } from "../../platform/postgres.ts"

/**
 * Connections for reads that are the same every time: prepared once, and planned for large tables even while these are small, which is by one index after the other. Nothing
 * connects before somebody asks.
 */
export function createReadPool(options: {
  readonly databaseUrl: string
  readonly applicationName: string
  readonly connectionsMax: number
  readonly queryTimeoutMs?: number
}): pg.Pool {
  return createPool({
    queryTimeoutMs: 12_000,
    ...options,
    settings: {
      plan_cache_mode: "force_generic_plan",
      // A generic plan takes a range for thousands of rows; what is read is a few, and starting a worker takes longer than that.
      max_parallel_workers_per_gather: "0",
      enable_seqscan: "off",
      enable_bitmapscan: "off",
      enable_hashjoin: "off",
      enable_mergejoin: "off",
      enable_sort: "off",
      enable_incremental_sort: "off",
    },
  })
}
