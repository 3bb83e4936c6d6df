import { type Kysely, sql } from "kysely"

/** Several signers of a chain: which one works on a batch that has no nonce, which of them are retired; and what failed when. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    ALTER TABLE settlement.signers
      -- From then on it reserves no nonce. What it has reserved is still taken to the chain.
      ADD COLUMN retired_at timestamptz(3),
      -- Nothing that it ever reserved is still to be mined, as far as the chain's confirmed blocks tell.
      ADD COLUMN done_at timestamptz(3),
      ADD CHECK (done_at IS NULL OR retired_at IS NOT NULL)`.execute(db)
  await sql`
    ALTER TABLE settlement.batches
      -- The signer whose desk simulates it and takes a nonce for it. Another one may claim it when the time is over.
      ADD COLUMN claimed_by text CHECK (claimed_by ~ '^0x[0-9a-f]{40}$'),
      ADD COLUMN claimed_until timestamptz(3),
      ADD CHECK ((claimed_by IS NULL) = (claimed_until IS NULL))`.execute(db)
  await sql`
    CREATE TABLE settlement.failures (
      failure_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      ledger_id uuid NOT NULL,
      token_id integer NOT NULL,
      batch_sequence bigint NOT NULL,
      failed_at timestamptz(3) NOT NULL,
      reason text NOT NULL,
      FOREIGN KEY (ledger_id, token_id) REFERENCES settlement.lanes,
      FOREIGN KEY (ledger_id, batch_sequence) REFERENCES settlement.batches
    )`.execute(db)
  await sql`CREATE INDEX failures_lane ON settlement.failures (ledger_id, token_id, failed_at)`.execute(db)
  await sql`
    CREATE INDEX batches_mined ON settlement.batches (ledger_id, token_id, mined_at)
      WHERE mined_at IS NOT NULL`.execute(db)
  await sql`
    ALTER TABLE settlement.lanes DROP CONSTRAINT lanes_paused_by_check,
      ADD CONSTRAINT lanes_paused_by_check CHECK (paused_by IN ('operator', 'balance', 'treasury', 'signer', 'errors', 'foreign', 'altered', 'strategy'))`.execute(
    db,
  )
  // It was about a chain, and is about a signer from now on.
  await sql`UPDATE registry.alarms SET cleared_at = now() WHERE kind = 'chain_unreachable' AND cleared_at IS NULL`.execute(
    db,
  )
  // What failed before a person let the lane go on has been judged.
  await sql`ALTER TABLE settlement.lanes ADD COLUMN resumed_at timestamptz(3)`.execute(db)
  await sql`GRANT SELECT, INSERT, DELETE ON settlement.failures TO chainbridge_app`.execute(db)
}
