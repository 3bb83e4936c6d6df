import { type Kysely, sql } from "kysely"

/** What single calls would cost, what batches and nettings saved against them, and who paused a lane. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE TABLE settlement.gas_calibrations (
      calibration_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      token_id integer NOT NULL REFERENCES registry.tokens,
      measured_at timestamptz(3) NOT NULL,
      -- The state that it was measured on.
      block_number bigint NOT NULL,
      block_hash text NOT NULL CHECK (block_hash ~ '^0x[0-9a-f]{64}$'),
      -- Of the token, and of the implementation behind it where it is a proxy.
      code_hash text NOT NULL CHECK (code_hash ~ '^0x[0-9a-f]{64}$'),
      method text CHECK (method IN ('eth_simulateV1', 'eth_estimateGas')),
      -- assumed: the signer may not mint and burn, the measurement gave it the roles in the node's memory.
      roles text CHECK (roles IN ('held', 'assumed')),
      mint_new bigint CHECK (mint_new > 0),
      mint_existing bigint CHECK (mint_existing > 0),
      burn_part bigint CHECK (burn_part > 0),
      burn_all bigint CHECK (burn_all > 0),
      -- Why there are no figures: from then on none are in force.
      problem text,
      CHECK (num_nonnulls(method, roles, mint_new, mint_existing, burn_part, burn_all) = CASE WHEN problem IS NULL THEN 6 ELSE 0 END)
    )`.execute(db)
  await sql`CREATE INDEX gas_calibrations_token ON settlement.gas_calibrations (token_id, measured_at)`.execute(
    db,
  )
  await sql`
    ALTER TABLE settlement.batches
      -- The event that confirmed it, until a revocation.
      ADD COLUMN confirmed_position bigint,
      -- The confirmation that the columns after it were computed for; they count while it is the one that stands.
      ADD COLUMN accounted_position bigint,
      -- In force when the batch was sealed; NULL: none was, and the savings are not known.
      ADD COLUMN calibration_id bigint REFERENCES settlement.gas_calibrations,
      -- Without the accounts whose debits the chain skipped.
      ADD COLUMN settled_recipients integer,
      ADD COLUMN settled_changes integer,
      ADD COLUMN credited_recipients integer,
      ADD COLUMN new_holders integer,
      ADD COLUMN single_gas_recipients bigint,
      ADD COLUMN single_gas_changes bigint`.execute(db)
  await sql`
    CREATE INDEX batches_unaccounted ON settlement.batches (ledger_id, batch_sequence)
      WHERE state = 'confirmed' AND gas_used IS NOT NULL AND confirmed_position IS NOT NULL
        AND accounted_position IS DISTINCT FROM confirmed_position`.execute(db)
  // The figures of a day, and of the newest batches of a lane.
  await sql`
    CREATE INDEX batches_confirmed ON settlement.batches (ledger_id, token_id, confirmed_at)
      WHERE state = 'confirmed'`.execute(db)
  await sql`
    CREATE TABLE settlement.nettings (
      ledger_id uuid NOT NULL REFERENCES ledger.head,
      -- Of its SettlementNetted.
      position bigint NOT NULL,
      token_id integer NOT NULL REFERENCES registry.tokens,
      netted_at timestamptz(3) NOT NULL,
      changes integer NOT NULL CHECK (changes > 0),
      is_accounted boolean NOT NULL DEFAULT false,
      calibration_id bigint REFERENCES settlement.gas_calibrations,
      single_gas_changes bigint,
      PRIMARY KEY (ledger_id, position)
    )`.execute(db)
  await sql`
    CREATE INDEX nettings_unaccounted ON settlement.nettings (ledger_id, position)
      WHERE NOT is_accounted`.execute(db)
  await sql`CREATE INDEX nettings_day ON settlement.nettings (ledger_id, token_id, netted_at)`.execute(db)
  await sql`
    ALTER TABLE settlement.lanes ADD COLUMN paused_by text
      CHECK (paused_by IN ('operator', 'balance', 'errors', 'foreign', 'altered', 'strategy'))`.execute(db)
  // A figure that was measured stays as it was measured.
  await sql`GRANT SELECT, INSERT ON settlement.gas_calibrations TO chainbridge_app`.execute(db)
  await sql`GRANT SELECT, INSERT, UPDATE ON settlement.nettings TO chainbridge_app`.execute(db)
}
