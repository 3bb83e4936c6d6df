import { type Kysely, sql } from "kysely"

/** What writes of administration were answered that named a key, each added in the transaction of what it did. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE TABLE registry.kept_answers (
      -- Whose key it is. NULL: of what concerns every app.
      ledger_id uuid REFERENCES registry.ledgers,
      operation_id text NOT NULL CHECK (char_length(operation_id) BETWEEN 1 AND 128),
      sequence integer NOT NULL CHECK (sequence >= 0),
      -- Of what was asked for: HMAC-SHA256 by the ledger's salt, or SHA-256 where it concerns every app.
      request_hash bytea NOT NULL CHECK (octet_length(request_hash) = 32),
      -- As text, with its fields in the order in which they were sent. Never with a secret.
      answer json NOT NULL,
      actor text NOT NULL,
      recorded_at timestamptz(3) NOT NULL DEFAULT now(),
      UNIQUE NULLS NOT DISTINCT (ledger_id, operation_id, sequence)
    )`.execute(db)
  await sql`GRANT SELECT, INSERT ON registry.kept_answers TO chainbridge_app`.execute(db)
}
