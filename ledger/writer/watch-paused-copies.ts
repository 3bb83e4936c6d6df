import { type Kysely, sql } from "kysely"
import type { Logger } from "../../platform/logger.ts"
import { type Loop, startLoop } from "../../platform/loop.ts"
import type { Database } from "../store/database.ts"

/** What the server gives a client that is paused between two statements, see createPool. */
const pausedMsMaxDefault = 10_000

/**
 * Ends the sessions of writers that stopped in the middle of a COPY, and with them the lock on a head. The server waits for the rows of a COPY without end: its limits for
 * idle transactions and for statements do not count while it does. Only sessions of the same user are seen, and any number of processes may watch.
 */
export function watchPausedCopies({
  db,
  logger,
  pausedMsMax = pausedMsMaxDefault,
}: {
  readonly db: Kysely<Database>
  readonly logger: Logger
  readonly pausedMsMax?: number
}): Loop {
  async function turn(): Promise<number> {
    const { rows } = await sql<{ pid: number; ended: boolean }>`
      SELECT pid, pg_terminate_backend(pid) AS ended FROM pg_stat_activity
      WHERE usename = current_user AND datname = current_database() AND state = 'active' AND wait_event = 'ClientRead'
        AND query LIKE 'COPY ledger.%' AND query_start < clock_timestamp() - interval '1 millisecond' * ${pausedMsMax}`.execute(
      db,
    )
    for (const { pid } of rows)
      logger.warn({ pid }, "a writer that stopped in the middle of a group was ended")
    return pausedMsMax / 5
  }

  return startLoop({ name: "paused copies", logger, gapMs: 0, turn })
}
