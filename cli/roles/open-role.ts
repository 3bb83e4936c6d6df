import type { Kysely } from "kysely"
import type pg from "pg"
import type { Database } from "../../ledger/store/database.ts"
import { type HeartbeatOptions, startHeartbeat } from "../../platform/heartbeat.ts"
import { createLogger, type Logger } from "../../platform/logger.ts"
import { createKysely, createPool } from "../../platform/postgres.ts"
import { version } from "../../platform/version.ts"
import { checkDatabaseUrl, databaseUnreachable } from "../stack/database-url.ts"
import { requireEnvironment } from "./environment.ts"

export type RoleContext = {
  readonly logger: Logger
  readonly databaseUrl: string
  readonly pool: pg.Pool
  readonly db: Kysely<Database>
  readonly version: string
  /** Resolves when the database has answered; rejects with one sentence when it does not. */
  reachDatabase(): Promise<void>
  /** Has the role show itself in registry.processes from now on. */
  beat(details?: HeartbeatOptions["details"]): void
  /** Ends the heartbeat and the pool. */
  close(): Promise<void>
}

/** What every role of ours stands on: a logger, a pool from DATABASE_URL, a heartbeat. */
export function openRole(role: string, connectionsMax: number): RoleContext {
  const logger = createLogger(role)
  const databaseUrl = checkDatabaseUrl(requireEnvironment("DATABASE_URL"))
  const pool = createPool({ databaseUrl, applicationName: `chainbridge-${role}`, connectionsMax })
  let heartbeat: { stop(): Promise<void> } | undefined
  return {
    logger,
    databaseUrl,
    pool,
    db: createKysely<Database>(pool),
    version,
    async reachDatabase() {
      try {
        await pool.query("SELECT 1")
      } catch (error) {
        throw databaseUnreachable(databaseUrl, error)
      }
    },
    beat(details) {
      heartbeat = startHeartbeat({
        pool,
        role,
        version,
        logger,
        ...(details === undefined ? {} : { details }),
      })
    },
    async close() {
      await heartbeat?.stop()
      await pool.end()
    },
  }
}
