import type pg from "pg"
import { createPool } from "../../platform/postgres.ts"

/** Connections for reads that are the same every time: prepared once, and planned for large tables even while these are small. Nothing connects before somebody asks. */
export function createReadPool(databaseUrl: string): pg.Pool {
  return createPool({
    databaseUrl,
    applicationName: "chainbridge-api-reads",
    connectionsMax: 3,
    queryTimeoutMs: 12_000,
    settings: { plan_cache_mode: "force_generic_plan", enable_seqscan: "off", enable_bitmapscan: "off" },
  })
}
