import { randomUUID } from "node:crypto"
import { hostname } from "node:os"
import type pg from "pg"
import { describeError } from "./errors.ts"
import type { Logger } from "./logger.ts"

const INTERVAL_MS = 2_000

export type HeartbeatOptions = {
  readonly pool: pg.Pool
  readonly role: string
  readonly version: string
  readonly logger: Logger
  /** What the role says of itself, each figure measured; JSON. */
  readonly details?: () => Readonly<Record<string, unknown>>
}

/** Keeps this process's row in registry.processes fresh, every two seconds, and removes it at the end. */
export function startHeartbeat(options: HeartbeatOptions): { stop(): Promise<void> } {
  const { pool, role, version, logger } = options
  const processId = randomUUID()
  const startedAt = new Date()
  let beating: Promise<void> = Promise.resolve()
  async function beat(): Promise<void> {
    try {
      await pool.query(
        `INSERT INTO registry.processes (process_id, role, pid, host, version, started_at, heartbeat_at, details)
         VALUES ($1, $2, $3, $4, $5, $6, now(), $7)
         ON CONFLICT (process_id) DO UPDATE SET heartbeat_at = now(), details = excluded.details`,
        [processId, role, process.pid, hostname(), version, startedAt, toJson(options.details?.() ?? {})],
      )
    } catch (error) {
      logger.warn({ error: describeError(error) }, "no heartbeat")
    }
  }
  beating = beat().then(async () => {
    // Rows of processes that were killed: an hour is far past every alarm on them.
    await pool
      .query("DELETE FROM registry.processes WHERE heartbeat_at < now() - interval '1 hour'")
      .catch((error: unknown) => logger.warn({ error: describeError(error) }, "old heartbeats stay"))
  })
  const timer = setInterval(() => {
    beating = beating.then(beat)
  }, INTERVAL_MS)
  return {
    async stop() {
      clearInterval(timer)
      await beating
      await pool
        .query("DELETE FROM registry.processes WHERE process_id = $1", [processId])
        .catch((error: unknown) => logger.warn({ error: describeError(error) }, "the heartbeat row stays"))
    },
  }
}

/** bigint as decimal text, as everywhere in our JSON. */
function toJson(details: Readonly<Record<string, unknown>>): string {
  return JSON.stringify(details, (_, value: unknown) =>
    typeof value === "bigint" ? value.toString() : value,
  )
}
