import { type Kysely, sql } from "kysely"

/** What is done to anchor checkpoints on a chain. Which of them are anchored, the log says. */
export async function createAnchors(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE TABLE settlement.anchors (
      ledger_id uuid NOT NULL REFERENCES ledger.head,
      -- Of the checkpoint.
      tree_size bigint NOT NULL CHECK (tree_size > 0),
      chain_id bigint NOT NULL REFERENCES registry.chains,
      contract text NOT NULL CHECK (contract ~ '^0x[0-9a-f]{40}$'),
      -- As of a batch. skipped: nothing was sent, and a later checkpoint that covers this one goes instead.
      state text NOT NULL CHECK (state IN ('sealed', 'simulated', 'signed', 'broadcast', 'mined', 'confirmed', 'skipped')),
      gas_limit bigint,
      gas_estimated bigint,
      gas_used bigint,
      effective_gas_price numeric(78, 0),
      tx_hash text,
      block_number bigint,
      block_hash text,
      failures integer NOT NULL DEFAULT 0,
      last_error text,
      retry_at timestamptz(3),
      sealed_at timestamptz(3) NOT NULL,
      broadcast_at timestamptz(3),
      mined_at timestamptz(3),
      confirmed_at timestamptz(3),
      PRIMARY KEY (ledger_id, tree_size)
    )`.execute(db)
  await sql`
    CREATE INDEX anchors_open ON settlement.anchors (chain_id, ledger_id, tree_size)
      WHERE state IN ('sealed', 'simulated', 'signed', 'broadcast', 'mined')`.execute(db)
  await sql`
    CREATE INDEX anchors_sent ON settlement.anchors (ledger_id, tree_size) WHERE state <> 'skipped'`.execute(
    db,
  )
}
