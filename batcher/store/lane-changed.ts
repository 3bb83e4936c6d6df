import { type Kysely, sql, type Transaction } from "kysely"
import type { Database } from "../../ledger/store/database.ts"

/** The channel for what a lane or a signer's desk wants to know without an event: a batch moved, a flush, a resume. The payload is the ledger id. */
export const laneChangedChannel = "lane_changed"

export async function notifyLaneChanged(
  db: Kysely<Database> | Transaction<Database>,
  ledgerId: string,
): Promise<void> {
  await sql`SELECT pg_notify(${laneChangedChannel}, ${ledgerId})`.execute(db)
}
