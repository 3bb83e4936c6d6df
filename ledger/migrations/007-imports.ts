import { type Kysely, sql } from "kysely"

/** Files of adjustments: where each stands, its bytes until it is done with, and the lines that were refused. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE TABLE registry.import_policy (
      -- One row, or none: then the defaults of the program hold.
      is_only_row boolean PRIMARY KEY DEFAULT true CHECK (is_only_row),
      body_bytes_max bigint NOT NULL CHECK (body_bytes_max > 0),
      line_bytes_max integer NOT NULL CHECK (line_bytes_max > 0),
      refused_kept_max integer NOT NULL CHECK (refused_kept_max >= 0)
    )`.execute(db)
  await sql`
    CREATE TABLE ledger.imports (
      ledger_id uuid NOT NULL REFERENCES ledger.head,
      import_id uuid NOT NULL,
      -- receiving: not complete, and nobody may start on it.
      -- abandoned: it had failed, and nobody waits for it any more.
      state text NOT NULL CHECK (state IN ('receiving', 'received', 'running', 'finished', 'failed', 'abandoned')),
      format text NOT NULL CHECK (format IN ('csv', 'ndjson')),
      file_name text,
      -- What stands for a field that a line leaves out.
      defaults json NOT NULL,
      -- Lines without an operation id of their own are recorded under this one, with their number as the sequence.
      operation_id text,
      -- HMAC-SHA256 of the defaults and of every byte, with the ledger's identifier_salt as its key.
      content_hash bytea CHECK (octet_length(content_hash) = 32),
      -- Of a CSV, in their order.
      columns text[],
      line_bytes_max integer NOT NULL CHECK (line_bytes_max > 0),
      refused_kept_max integer NOT NULL CHECK (refused_kept_max >= 0),
      bytes bigint NOT NULL DEFAULT 0 CHECK (bytes >= 0),
      -- The first byte that no checkpoint covers, and the number of its line.
      next_byte bigint NOT NULL DEFAULT 0 CHECK (next_byte BETWEEN 0 AND bytes),
      next_line bigint NOT NULL DEFAULT 1 CHECK (next_line > 0),
      applied bigint NOT NULL DEFAULT 0 CHECK (applied >= 0),
      replayed bigint NOT NULL DEFAULT 0 CHECK (replayed >= 0),
      refused bigint NOT NULL DEFAULT 0 CHECK (refused >= 0),
      error text,
      created_at timestamptz(3) NOT NULL DEFAULT now(),
      -- Of a chunk that came in, or of a checkpoint.
      touched_at timestamptz(3) NOT NULL DEFAULT now(),
      received_at timestamptz(3),
      started_at timestamptz(3),
      finished_at timestamptz(3),
      lease_owner uuid,
      lease_epoch bigint NOT NULL DEFAULT 0,
      lease_expires_at timestamptz(3),
      PRIMARY KEY (ledger_id, import_id),
      CHECK ((state = 'receiving') = (received_at IS NULL)),
      CHECK ((state = 'receiving') = (content_hash IS NULL)),
      CHECK (state = 'receiving' OR operation_id IS NOT NULL),
      CHECK ((state IN ('finished', 'failed', 'abandoned')) = (finished_at IS NOT NULL)),
      CHECK ((state IN ('failed', 'abandoned')) = (error IS NOT NULL)),
      CHECK (state <> 'finished' OR next_byte = bytes)
    )`.execute(db)
  // The same file is the same import.
  await sql`CREATE UNIQUE INDEX imports_operation ON ledger.imports (ledger_id, operation_id) WHERE state <> 'receiving'`.execute(
    db,
  )
  await sql`CREATE INDEX imports_unfinished ON ledger.imports (received_at) WHERE state IN ('receiving', 'received', 'running')`.execute(
    db,
  )
  await sql`
    CREATE TABLE ledger.import_chunks (
      ledger_id uuid NOT NULL,
      import_id uuid NOT NULL,
      chunk integer NOT NULL CHECK (chunk >= 0),
      content bytea NOT NULL,
      PRIMARY KEY (ledger_id, import_id, chunk),
      FOREIGN KEY (ledger_id, import_id) REFERENCES ledger.imports ON DELETE CASCADE
    )`.execute(db)
  // Written once, read once and deleted: to compress it would cost more than it saves.
  await sql`ALTER TABLE ledger.import_chunks ALTER COLUMN content SET STORAGE EXTERNAL`.execute(db)
  await sql`
    CREATE TABLE ledger.import_refusals (
      ledger_id uuid NOT NULL,
      import_id uuid NOT NULL,
      line bigint NOT NULL CHECK (line > 0),
      code text NOT NULL,
      field text,
      message text NOT NULL,
      PRIMARY KEY (ledger_id, import_id, line),
      FOREIGN KEY (ledger_id, import_id) REFERENCES ledger.imports ON DELETE CASCADE
    )`.execute(db)
  await sql`GRANT SELECT, INSERT, UPDATE ON registry.import_policy TO chainbridge_app`.execute(db)
  await sql`GRANT SELECT, INSERT, UPDATE, DELETE ON ledger.imports, ledger.import_chunks TO chainbridge_app`.execute(
    db,
  )
  await sql`GRANT SELECT, INSERT ON ledger.import_refusals TO chainbridge_app`.execute(db)
}
