import { type Kysely, sql } from "kysely"

/** How busy the chain was when a batch was sealed, and the urgent ones of a long queue where they are found at once. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    ALTER TABLE settlement.batches
      -- NULL: it was not measured.
      ADD COLUMN congestion text CHECK (congestion IN ('low', 'medium', 'high'))`.execute(db)
  await sql`
    CREATE INDEX batch_items_urgent ON settlement.batch_items (ledger_id, token_id, account_id)
      WHERE state = 'waiting' AND (is_immediate OR priority >= 2)`.execute(db)
}
