import { type Kysely, sql } from "kysely"

/** What the chain would refuse: held back from settlement until a person has it tried again, or discards it. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    ALTER TABLE settlement.batches
      ADD COLUMN dissolved_position bigint,
      ADD CHECK (state <> 'dead_letter' OR dissolved_position IS NOT NULL),
      ADD CHECK (dissolved_position IS NULL OR state IN ('dead_letter', 'confirmed'))`.execute(db)
  await sql`
    CREATE TABLE settlement.dead_letters (
      dead_letter_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      ledger_id uuid NOT NULL,
      token_id integer NOT NULL,
      account_id bigint NOT NULL,
      -- The batch that was taken apart for it; none where the chain skipped the debit too often.
      batch_sequence bigint,
      -- The account's waiting changes up to here are what could not be settled. Later ones wait behind them.
      through_position bigint NOT NULL,
      reason text NOT NULL,
      opened_at timestamptz(3) NOT NULL,
      closed_at timestamptz(3),
      outcome text CHECK (outcome IN ('retried', 'discarded')),
      closed_by text,
      FOREIGN KEY (ledger_id, token_id) REFERENCES settlement.lanes,
      FOREIGN KEY (ledger_id, account_id) REFERENCES ledger.accounts,
      FOREIGN KEY (ledger_id, batch_sequence) REFERENCES settlement.batches,
      CHECK ((closed_at IS NULL) = (outcome IS NULL))
    )`.execute(db)
  await sql`
    CREATE UNIQUE INDEX dead_letters_open ON settlement.dead_letters (ledger_id, account_id) WHERE closed_at IS NULL`.execute(
    db,
  )
  await sql`CREATE INDEX dead_letters_list ON settlement.dead_letters (ledger_id, dead_letter_id)`.execute(db)
  await sql`GRANT SELECT, INSERT, UPDATE ON settlement.dead_letters TO chainbridge_app`.execute(db)
  // A batch that was ever signed may still be mined: its changes may not be folded into another one, whatever the program believes.
  await sql`
    CREATE FUNCTION settlement.keep_signed_batch() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
    BEGIN
      IF EXISTS (SELECT FROM settlement.nonces n WHERE n.ledger_id = NEW.ledger_id AND n.batch_sequence = NEW.batch_sequence) THEN
        RAISE EXCEPTION 'batch % of ledger % has a nonce and cannot be taken apart', NEW.batch_sequence, NEW.ledger_id;
      END IF;
      RETURN NEW;
    END $$`.execute(db)
  await sql`
    CREATE TRIGGER batches_keep_signed BEFORE UPDATE OF dissolved_position ON settlement.batches
      FOR EACH ROW WHEN (NEW.dissolved_position IS DISTINCT FROM OLD.dissolved_position)
      EXECUTE FUNCTION settlement.keep_signed_batch()`.execute(db)
  await sql`
    CREATE FUNCTION settlement.refuse_dissolved_batch() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
    BEGIN
      -- The lock makes it wait for whoever takes the batch apart at this moment.
      PERFORM FROM settlement.batches b
        WHERE b.ledger_id = NEW.ledger_id AND b.batch_sequence = NEW.batch_sequence AND b.dissolved_position IS NULL
        FOR NO KEY UPDATE;
      IF NOT FOUND THEN
        RAISE EXCEPTION 'batch % of ledger % was taken apart and gets no nonce', NEW.batch_sequence, NEW.ledger_id;
      END IF;
      RETURN NEW;
    END $$`.execute(db)
  await sql`
    CREATE TRIGGER nonces_refuse_dissolved BEFORE INSERT ON settlement.nonces
      FOR EACH ROW WHEN (NEW.batch_sequence IS NOT NULL) EXECUTE FUNCTION settlement.refuse_dissolved_batch()`.execute(
    db,
  )
}
