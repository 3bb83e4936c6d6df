import { type Kysely, sql } from "kysely"
import { createEventPartitions } from "./event-partitions.ts"
import { createHolds } from "./holds.ts"

/** The event store, its synchronous projection `balances`, idempotency, confirmations and reconciliation. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`CREATE SCHEMA ledger`.execute(db)
  await sql`
    CREATE TABLE ledger.head (
      ledger_id uuid PRIMARY KEY REFERENCES registry.ledgers,
      position bigint NOT NULL CHECK (position >= 0),
      -- When the last event was recorded: the next one is not recorded before it, whatever a clock says.
      recorded_at timestamptz(3) NOT NULL DEFAULT '1970-01-01T00:00:00Z',
      hash bytea NOT NULL CHECK (octet_length(hash) = 32),
      account_count bigint NOT NULL CHECK (account_count >= 0),
      batch_count bigint NOT NULL CHECK (batch_count >= 0)
    ) WITH (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000)`.execute(
    db,
  )
  await sql`
    CREATE TABLE ledger.events (
      -- No foreign key to the head: who appends holds its lock. None points here either, so that an old partition can be detached.
      ledger_id uuid NOT NULL,
      position bigint NOT NULL CHECK (position > 0),
      type text NOT NULL,
      version smallint NOT NULL CHECK (version > 0),
      operation_id text,
      sequence integer,
      -- Set where the event touches exactly one account; otherwise data.accounts names them.
      account_id bigint,
      amount numeric(78, 0),
      balance_after numeric(78, 0),
      occurred_at timestamptz(3) NOT NULL,
      recorded_at timestamptz(3) NOT NULL,
      causation text NOT NULL,
      -- json, not jsonb: the text is hashed, so it has to come back byte for byte.
      data json NOT NULL,
      details json,
      salt bytea CHECK (octet_length(salt) = 16),
      details_hash bytea CHECK (octet_length(details_hash) = 32),
      prev_hash bytea NOT NULL CHECK (octet_length(prev_hash) = 32),
      hash bytea NOT NULL CHECK (octet_length(hash) = 32),
      PRIMARY KEY (ledger_id, position),
      CHECK ((operation_id IS NULL) = (sequence IS NULL)),
      CHECK ((details IS NULL) = (salt IS NULL)),
      CHECK (details IS NULL OR details_hash IS NOT NULL)
    ) PARTITION BY RANGE (position)`.execute(db)
  await sql`CREATE INDEX events_account ON ledger.events (ledger_id, account_id, position) WHERE account_id IS NOT NULL`.execute(
    db,
  )
  await createEventPartitions(db)
  await sql`
    CREATE TABLE ledger.accounts (
      ledger_id uuid NOT NULL REFERENCES ledger.head,
      account_id bigint NOT NULL CHECK (account_id > 0),
      user_id text NOT NULL,
      token_id integer NOT NULL REFERENCES registry.tokens,
      address text NOT NULL CHECK (address ~ '^0x[0-9a-f]{40}$'),
      opened_position bigint NOT NULL,
      PRIMARY KEY (ledger_id, account_id),
      UNIQUE (ledger_id, user_id, token_id),
      -- An address belongs to one ledger, and one account of a token has it.
      UNIQUE (token_id, address)
    )`.execute(db)
  await sql`CREATE INDEX accounts_token ON ledger.accounts (ledger_id, token_id, opened_position)`.execute(db)
  await sql`
    CREATE TABLE ledger.balances (
      ledger_id uuid NOT NULL,
      account_id bigint NOT NULL,
      pending numeric(78, 0) NOT NULL,
      confirmed numeric(78, 0) NOT NULL,
      locked numeric(78, 0) NOT NULL CHECK (locked >= 0),
      -- The last event that touched the account.
      position bigint NOT NULL,
      changed_at timestamptz(3) NOT NULL,
      confirmed_at timestamptz(3),
      PRIMARY KEY (ledger_id, account_id),
      FOREIGN KEY (ledger_id, account_id) REFERENCES ledger.accounts
    ) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05)`.execute(db)
  await sql`
    CREATE TABLE ledger.operations (
      ledger_id uuid NOT NULL,
      operation_id text NOT NULL,
      sequence integer NOT NULL CHECK (sequence >= 0),
      request_hash bytea NOT NULL CHECK (octet_length(request_hash) = 32),
      route text NOT NULL,
      -- The adjustments of the operation are the events first_position … last_position.
      first_position bigint NOT NULL,
      last_position bigint NOT NULL,
      recorded_at timestamptz(3) NOT NULL,
      -- What the first answer said and no event holds, so that a replay gives the same answer.
      answer_context json NOT NULL,
      PRIMARY KEY (ledger_id, operation_id, sequence),
      CHECK (last_position >= first_position)
    )`.execute(db)
  await createHolds(db)
  await sql`
    CREATE TABLE ledger.chain_cursors (
      chain_id bigint PRIMARY KEY REFERENCES registry.chains,
      block_number bigint NOT NULL,
      block_hash text NOT NULL,
      block_time timestamptz(3) NOT NULL,
      updated_at timestamptz(3) NOT NULL
    )`.execute(db)
  await sql`
    CREATE TABLE ledger.confirmed_blocks (
      chain_id bigint NOT NULL REFERENCES ledger.chain_cursors,
      block_number bigint NOT NULL,
      block_hash text NOT NULL,
      PRIMARY KEY (chain_id, block_number)
    )`.execute(db)
  await sql`
    CREATE TABLE ledger.address_scans (
      ledger_id uuid NOT NULL REFERENCES ledger.head,
      chain_id bigint NOT NULL REFERENCES registry.chains,
      -- Accounts opened up to here have every log of theirs at or below the chain's cursor in the ledger.
      position bigint NOT NULL,
      PRIMARY KEY (ledger_id, chain_id)
    )`.execute(db)
  await sql`
    CREATE TABLE ledger.confirmations (
      ledger_id uuid NOT NULL,
      position bigint NOT NULL,
      chain_id bigint NOT NULL,
      block_number bigint NOT NULL,
      block_hash text NOT NULL,
      log_index integer NOT NULL,
      -- NULL for what a whole batch did; the account for a deposit or a withdrawal.
      account_id bigint,
      batch_sequence bigint,
      revoked_position bigint,
      PRIMARY KEY (ledger_id, position)
    )`.execute(db)
  await sql`
    CREATE UNIQUE INDEX confirmations_log ON ledger.confirmations
      (ledger_id, chain_id, block_hash, log_index, account_id) NULLS NOT DISTINCT
      WHERE revoked_position IS NULL`.execute(db)
  await sql`
    CREATE UNIQUE INDEX confirmations_batch ON ledger.confirmations (ledger_id, batch_sequence)
      WHERE batch_sequence IS NOT NULL AND revoked_position IS NULL`.execute(db)
  await sql`
    CREATE INDEX confirmations_block ON ledger.confirmations (chain_id, block_number)
      WHERE revoked_position IS NULL`.execute(db)
  await sql`
    CREATE TABLE ledger.reconciliation_runs (
      ledger_id uuid NOT NULL REFERENCES ledger.head,
      run_id uuid NOT NULL,
      token_id integer NOT NULL REFERENCES registry.tokens,
      trigger text NOT NULL CHECK (trigger IN ('schedule', 'demand')),
      -- NULL: every account of the token.
      user_id text,
      state text NOT NULL CHECK (state IN ('requested', 'finished', 'failed')),
      requested_at timestamptz(3) NOT NULL,
      finished_at timestamptz(3),
      block_number bigint,
      block_hash text,
      position bigint,
      accounts_compared integer,
      supply_ledger numeric(78, 0),
      supply_indexer numeric(78, 0),
      supply_chain numeric(78, 0),
      -- Of supply_ledger: what the indexed transfers left with addresses that are no account of this ledger.
      supply_elsewhere numeric(78, 0),
      error text,
      PRIMARY KEY (ledger_id, run_id),
      CHECK ((state = 'requested') = (finished_at IS NULL)),
      CHECK ((state = 'failed') = (error IS NOT NULL)),
      CHECK ((state = 'finished') = (block_hash IS NOT NULL))
    )`.execute(db)
  await sql`CREATE INDEX reconciliation_runs_newest ON ledger.reconciliation_runs (ledger_id, token_id, requested_at)`.execute(
    db,
  )
  await sql`
    CREATE INDEX reconciliation_runs_waiting ON ledger.reconciliation_runs (requested_at) WHERE state = 'requested'`.execute(
    db,
  )
  await sql`
    CREATE TABLE ledger.drifts (
      ledger_id uuid NOT NULL,
      run_id uuid NOT NULL,
      drift_id uuid NOT NULL,
      -- NULL: the total supply.
      account_id bigint,
      ledger_amount numeric(78, 0) NOT NULL,
      indexer_amount numeric(78, 0) NOT NULL,
      chain_amount numeric(78, 0) NOT NULL,
      cause text NOT NULL,
      PRIMARY KEY (ledger_id, drift_id),
      FOREIGN KEY (ledger_id, run_id) REFERENCES ledger.reconciliation_runs,
      -- One difference of an account, and one of the supply, in a run.
      UNIQUE NULLS NOT DISTINCT (ledger_id, run_id, account_id)
    )`.execute(db)
}
