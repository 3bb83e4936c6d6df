import { type Kysely, sql } from "kysely"

/** How long a hold may last, and the erasures that are under way. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE TABLE registry.hold_policy (
      -- One row, or none: then the defaults of the program hold.
      is_only_row boolean PRIMARY KEY DEFAULT true CHECK (is_only_row),
      default_expiry_ms bigint NOT NULL CHECK (default_expiry_ms > 0),
      max_expiry_ms bigint NOT NULL CHECK (max_expiry_ms >= default_expiry_ms)
    )`.execute(db)
  await sql`
    CREATE TABLE ledger.redactions (
      ledger_id uuid NOT NULL REFERENCES ledger.head,
      -- Of the first DetailsRedacted, which names the redaction.
      position bigint NOT NULL,
      user_id text NOT NULL,
      -- Nothing of the user up to here has details any more.
      cursor bigint NOT NULL CHECK (cursor < position),
      redacted bigint NOT NULL CHECK (redacted > 0),
      steps integer NOT NULL CHECK (steps > 0),
      -- Everything before "position" is done.
      finished_at timestamptz(3),
      PRIMARY KEY (ledger_id, position)
    )`.execute(db)
  await sql`CREATE INDEX redactions_open ON ledger.redactions (ledger_id, position) WHERE finished_at IS NULL`.execute(
    db,
  )
  await sql`GRANT SELECT, INSERT, UPDATE ON registry.hold_policy, ledger.redactions TO chainbridge_app`.execute(
    db,
  )
}
