import { type Kysely, sql } from "kysely"
import type { Database } from "../../ledger/store/database.ts"

/** The sessions of this database that wait for a lock, with the statement that waits, in the order of the alphabet. */
export async function waitingForLocks(db: Kysely<Database>): Promise<{ pid: number; query: string }[]> {
  const { rows } = await sql<{ pid: number; query: string }>`
    SELECT pid, query FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock' ORDER BY query`.execute(db)
  return rows
}
