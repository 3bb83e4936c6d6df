import { type Kysely, sql } from "kysely"

/** What the chain has confirmed, and what it took back, is in few events of a long log: whoever adds it up does not read all of it a second time. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const schema of ["ledger", "archive"])
    await sql`
      CREATE INDEX events_settled ON ${sql.id(schema)}.events (ledger_id, position)
        WHERE type IN ('SettlementConfirmed', 'ConfirmationRevoked')`.execute(db)
}
