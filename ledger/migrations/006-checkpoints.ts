import { type Kysely, sql } from "kysely"

/** The Merkle tree over the event log, its signed checkpoints and the keys that signed them. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE TABLE registry.checkpoint_policy (
      -- One row, or none: then the defaults of the program hold.
      is_only_row boolean PRIMARY KEY DEFAULT true CHECK (is_only_row),
      events bigint NOT NULL CHECK (events > 0),
      interval_ms bigint NOT NULL CHECK (interval_ms > 0)
    )`.execute(db)
  await sql`
    CREATE TABLE registry.audit_keys (
      key_id text PRIMARY KEY CHECK (key_id = left(encode(sha256(public_key), 'hex'), 32)),
      public_key bytea NOT NULL UNIQUE CHECK (octet_length(public_key) = 32),
      added_at timestamptz(3) NOT NULL DEFAULT now()
    )`.execute(db)
  await sql`
    CREATE TABLE ledger.checkpoints (
      ledger_id uuid NOT NULL REFERENCES ledger.head,
      tree_size bigint NOT NULL CHECK (tree_size > 0),
      -- The checkpoint before this one. Two processes that extend the same one collide, whatever size each of them found.
      previous_size bigint CHECK (previous_size < tree_size),
      root bytea NOT NULL CHECK (octet_length(root) = 32),
      -- Hash of the event at position tree_size.
      head_hash bytea NOT NULL CHECK (octet_length(head_hash) = 32),
      signature bytea NOT NULL CHECK (octet_length(signature) = 64),
      key_id text NOT NULL REFERENCES registry.audit_keys,
      created_at timestamptz(3) NOT NULL,
      -- The CheckpointAnchored that stands.
      anchored_position bigint CHECK (anchored_position > tree_size),
      PRIMARY KEY (ledger_id, tree_size),
      UNIQUE NULLS NOT DISTINCT (ledger_id, previous_size),
      FOREIGN KEY (ledger_id, previous_size) REFERENCES ledger.checkpoints
    )`.execute(db)
  await sql`
    CREATE TABLE ledger.merkle_nodes (
      ledger_id uuid NOT NULL REFERENCES ledger.head,
      -- A node of level l and index i is the root of the 2^l events from position i·2^l + 1 on. Below level 8 the events' own hashes are read.
      level smallint NOT NULL CHECK (level BETWEEN 8 AND 62),
      index bigint NOT NULL CHECK (index >= 0),
      hash bytea NOT NULL CHECK (octet_length(hash) = 32),
      PRIMARY KEY (ledger_id, level, index)
    )`.execute(db)
  for (const table of ["registry.audit_keys", "ledger.checkpoints", "ledger.merkle_nodes"]) {
    await sql`GRANT SELECT, INSERT ON ${sql.table(table)} TO chainbridge_app`.execute(db)
  }
  await sql`GRANT SELECT, INSERT, UPDATE ON registry.checkpoint_policy TO chainbridge_app`.execute(db)
  // Where a checkpoint is anchored is known later, and a reorganisation may take it back. The rest was signed.
  await sql`GRANT UPDATE (anchored_position) ON ledger.checkpoints TO chainbridge_app`.execute(db)
}
