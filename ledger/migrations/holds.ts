import { type Kysely, sql } from "kysely"

/** Holds, reversals, and what moves of confirmed and locked left behind: projections in the append's own transaction. */
export async function createHolds(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE TABLE ledger.holds (
      ledger_id uuid NOT NULL,
      -- Of the HoldPlaced, which names the hold.
      position bigint NOT NULL,
      account_id bigint NOT NULL,
      amount numeric(78, 0) NOT NULL CHECK (amount > 0),
      expires_at timestamptz(3) NOT NULL,
      state text NOT NULL CHECK (state IN ('open', 'captured', 'released', 'expired')),
      captured numeric(78, 0) NOT NULL DEFAULT 0 CHECK (captured BETWEEN 0 AND amount),
      -- Of the event that ended it.
      ended_position bigint,
      PRIMARY KEY (ledger_id, position),
      FOREIGN KEY (ledger_id, account_id) REFERENCES ledger.accounts,
      CHECK ((state = 'open') = (ended_position IS NULL)),
      CHECK ((state = 'captured') = (captured > 0)),
      CHECK (ended_position > position)
    )`.execute(db)
  await sql`CREATE INDEX holds_expiry ON ledger.holds (expires_at) WHERE state = 'open'`.execute(db)
  await sql`CREATE INDEX holds_open ON ledger.holds (ledger_id, account_id) WHERE state = 'open'`.execute(db)
  // Whatever the code believes: of a capture, a release and an expiry exactly one ends a hold.
  await sql`
    CREATE FUNCTION ledger.end_hold_once() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF OLD.state <> 'open' OR NEW.state = 'open' THEN
        RAISE EXCEPTION 'hold % of ledger % is % already', OLD.position, OLD.ledger_id, OLD.state USING ERRCODE = 'check_violation';
      END IF;
      RETURN NEW;
    END $$`.execute(db)
  await sql`
    CREATE TRIGGER end_once BEFORE UPDATE ON ledger.holds
      FOR EACH ROW EXECUTE FUNCTION ledger.end_hold_once()`.execute(db)
  await sql`
    CREATE TABLE ledger.reversals (
      ledger_id uuid NOT NULL,
      -- The adjustment that was taken back: once only.
      reversed_position bigint NOT NULL,
      position bigint NOT NULL CHECK (position > reversed_position),
      PRIMARY KEY (ledger_id, reversed_position)
    )`.execute(db)
  await sql`
    CREATE TABLE ledger.balance_history (
      ledger_id uuid NOT NULL,
      account_id bigint NOT NULL,
      -- Of an event that moves confirmed or locked: plain changes say their balance themselves.
      position bigint NOT NULL,
      pending numeric(78, 0) NOT NULL,
      confirmed numeric(78, 0) NOT NULL,
      locked numeric(78, 0) NOT NULL,
      PRIMARY KEY (ledger_id, account_id, position)
    )`.execute(db)
}
