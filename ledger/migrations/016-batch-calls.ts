import { type Kysely, sql } from "kysely"

/** Tokens that do not know batches: which call a batch makes, and what has to be known of a nonce before its batch may have another one. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    ALTER TABLE settlement.batches
      ADD COLUMN batch_call text NOT NULL DEFAULT 'settle'
        CONSTRAINT batches_batch_call CHECK (batch_call IN ('settle', 'batch_mint', 'batch_burn'))`.execute(
    db,
  )
  await sql`
    ALTER TABLE settlement.nonces
      -- The transaction that used the nonce up in a block which the chain cannot take back, so that its call will never be made by it.
      ADD COLUMN spent_by_hash text CHECK (spent_by_hash ~ '^0x[0-9a-f]{64}$'),
      ADD COLUMN spent_block_number bigint,
      ADD COLUMN spent_block_hash text CHECK (spent_block_hash ~ '^0x[0-9a-f]{64}$'),
      ADD CONSTRAINT nonces_proof CHECK (num_nonnulls(spent_by_hash, spent_block_number, spent_block_hash) IN (0, 3))`.execute(
    db,
  )
  await sql`
    CREATE FUNCTION settlement.mode_of_call(batch_call text) RETURNS text
    LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
      SELECT CASE batch_call WHEN 'settle' THEN 'settle' WHEN 'batch_mint' THEN 'batch-mint-burn' WHEN 'batch_burn' THEN 'batch-mint-burn' END
    $$`.execute(db)
  await checkBatchCalls(db)
  await checkSecondNonces(db)
}

/** A batch makes a call of its token's mode, always the same one, and one that mints or burns does nothing else. */
async function checkBatchCalls(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE FUNCTION settlement.check_batch_call() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
    BEGIN
      IF TG_OP = 'UPDATE' THEN
        RAISE EXCEPTION 'the call of batch % cannot be changed', OLD.batch_sequence USING ERRCODE = 'check_violation';
      END IF;
      PERFORM FROM registry.tokens t
        WHERE t.token_id = NEW.token_id AND t.settlement_mode = settlement.mode_of_call(NEW.batch_call);
      IF NOT FOUND THEN
        RAISE EXCEPTION 'batch % makes a call that its token is not settled by: %', NEW.batch_sequence, NEW.batch_call
          USING ERRCODE = 'check_violation';
      END IF;
      RETURN NEW;
    END $$`.execute(db)
  await sql`
    CREATE TRIGGER check_batch_call BEFORE INSERT ON settlement.batches
      FOR EACH ROW EXECUTE FUNCTION settlement.check_batch_call()`.execute(db)
  await sql`
    CREATE TRIGGER keep_batch_call BEFORE UPDATE OF batch_call ON settlement.batches
      FOR EACH ROW WHEN (NEW.batch_call IS DISTINCT FROM OLD.batch_call) EXECUTE FUNCTION settlement.check_batch_call()`.execute(
    db,
  )
  await sql`
    CREATE FUNCTION settlement.check_batch_deltas() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
    BEGIN
      PERFORM FROM added a JOIN settlement.batches b ON b.ledger_id = a.ledger_id AND b.batch_sequence = a.batch_sequence
        WHERE b.batch_call <> 'settle' AND (a.delta > 0) = (b.batch_call = 'batch_burn');
      IF FOUND THEN
        RAISE EXCEPTION 'a batch that mints or burns has an account of the other kind' USING ERRCODE = 'check_violation';
      END IF;
      RETURN NULL;
    END $$`.execute(db)
  await sql`
    CREATE TRIGGER check_batch_deltas AFTER INSERT ON settlement.batch_accounts
      REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION settlement.check_batch_deltas()`.execute(
    db,
  )
}

/** Without a guard a second transaction of a batch would settle it twice. So none gets a nonce while another one of the batch has bytes that might be mined. */
async function checkSecondNonces(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE FUNCTION settlement.check_second_nonce() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
    BEGIN
      PERFORM FROM settlement.nonces n
        JOIN settlement.batches b ON b.ledger_id = n.ledger_id AND b.batch_sequence = n.batch_sequence
        WHERE n.ledger_id = NEW.ledger_id AND n.batch_sequence = NEW.batch_sequence AND b.batch_call <> 'settle' AND n.spent_by_hash IS NULL
          AND EXISTS (
            -- What goes to the signer itself is a transaction that does nothing.
            SELECT FROM settlement.transactions t
            WHERE t.chain_id = n.chain_id AND t.signer = n.signer AND t.nonce = n.nonce AND t.target <> t.signer);
      IF FOUND THEN
        RAISE EXCEPTION 'batch % has a transaction that might still be mined and gets no other nonce', NEW.batch_sequence
          USING ERRCODE = 'check_violation';
      END IF;
      RETURN NEW;
    END $$`.execute(db)
  await sql`
    CREATE TRIGGER check_second_nonce BEFORE INSERT ON settlement.nonces
      FOR EACH ROW WHEN (NEW.batch_sequence IS NOT NULL) EXECUTE FUNCTION settlement.check_second_nonce()`.execute(
    db,
  )
}
