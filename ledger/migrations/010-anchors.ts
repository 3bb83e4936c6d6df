import { type Kysely, sql } from "kysely"

/** Where and how often checkpoints are anchored; and no anchor without its checkpoint. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE TABLE registry.anchor_policy (
      -- One row, or none: then the defaults of the program hold.
      is_only_row boolean PRIMARY KEY DEFAULT true CHECK (is_only_row),
      -- NULL: the first chain that has an AuditAnchor.
      chain_id bigint CHECK (chain_id > 0),
      interval_ms bigint NOT NULL CHECK (interval_ms > 0)
    )`.execute(db)
  await sql`GRANT SELECT, INSERT, UPDATE ON registry.anchor_policy TO chainbridge_app`.execute(db)
  await sql`
    ALTER TABLE settlement.anchors
      ADD FOREIGN KEY (ledger_id, tree_size) REFERENCES ledger.checkpoints`.execute(db)
}
