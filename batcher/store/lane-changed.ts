import { type Kysely, sql, type Transaction } from "kysely"
import { laneChangedChannel } from "../../ledger/store/channels.ts"
import type { Database } from "../../ledger/store/database.ts"

export async function notifyLaneChanged(
  db: Kysely<Database> | Transaction<Database>,
  ledgerId: string,
): Promise<void> {
  await sql`SELECT pg_notify(${laneChangedChannel}, ${ledgerId})`.execute(db)
}
