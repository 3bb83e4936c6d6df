import { type Kysely, sql } from "kysely"

/** Who may call, and which chains, tokens and reasons there are. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`CREATE SCHEMA registry`.execute(db)
  await sql`
    CREATE TABLE registry.ledgers (
      ledger_id uuid PRIMARY KEY,
      name text NOT NULL UNIQUE,
      -- Mixed into every user's on-chain identifier, so that a user id cannot be guessed from an address.
      identifier_salt bytea NOT NULL CHECK (octet_length(identifier_salt) = 32),
      created_at timestamptz(3) NOT NULL DEFAULT now()
    )`.execute(db)
  await sql`
    CREATE TABLE registry.apps (
      app_id uuid PRIMARY KEY,
      ledger_id uuid NOT NULL UNIQUE REFERENCES registry.ledgers,
      name text NOT NULL UNIQUE,
      created_at timestamptz(3) NOT NULL DEFAULT now()
    )`.execute(db)
  await sql`
    CREATE TABLE registry.api_keys (
      key_id uuid PRIMARY KEY,
      app_id uuid NOT NULL REFERENCES registry.apps,
      key_hash bytea NOT NULL UNIQUE CHECK (octet_length(key_hash) = 32),
      key_prefix text NOT NULL,
      scopes text[] NOT NULL,
      expires_at timestamptz(3),
      revoked_at timestamptz(3),
      last_used_at timestamptz(3),
      created_at timestamptz(3) NOT NULL DEFAULT now()
    )`.execute(db)
  await sql`
    CREATE TABLE registry.chains (
      chain_id bigint PRIMARY KEY CHECK (chain_id > 0),
      name text NOT NULL UNIQUE,
      confirmation_blocks integer NOT NULL CHECK (confirmation_blocks >= 0),
      finality text NOT NULL CHECK (finality IN ('depth', 'safe')),
      block_time_ms integer NOT NULL CHECK (block_time_ms > 0),
      start_block bigint NOT NULL CHECK (start_block >= 0),
      genesis_hash text NOT NULL CHECK (genesis_hash ~ '^0x[0-9a-f]{64}$'),
      explorer_url text,
      wallet_manager text NOT NULL CHECK (wallet_manager ~ '^0x[0-9a-f]{40}$'),
      wallet_init_code_hash text NOT NULL CHECK (wallet_init_code_hash ~ '^0x[0-9a-f]{64}$'),
      -- NULL: no checkpoint is anchored on this chain.
      audit_anchor text CHECK (audit_anchor ~ '^0x[0-9a-f]{40}$'),
      created_at timestamptz(3) NOT NULL DEFAULT now()
    )`.execute(db)
  await sql`
    CREATE TABLE registry.tokens (
      token_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      chain_id bigint NOT NULL REFERENCES registry.chains,
      token_address text NOT NULL CHECK (token_address ~ '^0x[0-9a-f]{40}$'),
      symbol text NOT NULL,
      name text NOT NULL,
      decimals smallint NOT NULL CHECK (decimals BETWEEN 0 AND 18),
      features text[] NOT NULL,
      settlement_mode text NOT NULL CHECK (settlement_mode IN ('settle', 'batch-mint-burn', 'treasury')),
      start_block bigint NOT NULL CHECK (start_block >= 0),
      is_default boolean NOT NULL DEFAULT false,
      -- Batch strategy of the token: see config/batch_strategy.yaml.
      strategy jsonb NOT NULL,
      drift_threshold numeric(78, 0) NOT NULL DEFAULT 0,
      reconciliation_interval_ms bigint NOT NULL DEFAULT 3600000 CHECK (reconciliation_interval_ms > 0),
      created_at timestamptz(3) NOT NULL DEFAULT now(),
      UNIQUE (chain_id, token_address),
      UNIQUE (chain_id, symbol)
    )`.execute(db)
  await sql`CREATE UNIQUE INDEX tokens_default ON registry.tokens (symbol) WHERE is_default`.execute(db)
  await sql`
    CREATE TABLE registry.reasons (
      reason_type text PRIMARY KEY,
      description text NOT NULL,
      allowed_metadata text[] NOT NULL,
      auto_batch boolean NOT NULL,
      priority text NOT NULL CHECK (priority IN ('low', 'normal', 'high', 'urgent')),
      business_type text NOT NULL
    )`.execute(db)
  await sql`
    CREATE TABLE registry.processes (
      process_id uuid PRIMARY KEY,
      role text NOT NULL,
      pid integer NOT NULL,
      host text NOT NULL,
      version text NOT NULL,
      started_at timestamptz(3) NOT NULL,
      heartbeat_at timestamptz(3) NOT NULL,
      -- What the role says of itself, each figure measured.
      details jsonb NOT NULL
    )`.execute(db)
  await sql`
    CREATE TABLE registry.alarms (
      alarm_id uuid PRIMARY KEY,
      kind text NOT NULL,
      -- What the alarm is about; an alarm that is open is raised once only.
      subject text NOT NULL,
      -- Whose it is; only that app sees it. NULL: it concerns everybody.
      ledger_id uuid REFERENCES registry.ledgers,
      message text NOT NULL,
      raised_at timestamptz(3) NOT NULL DEFAULT now(),
      cleared_at timestamptz(3)
    )`.execute(db)
  await sql`CREATE UNIQUE INDEX alarms_open ON registry.alarms (kind, subject) WHERE cleared_at IS NULL`.execute(
    db,
  )
}
