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
  await sql`
    CREATE FUNCTION settlement.is_guarded(batch_call text) RETURNS boolean
    LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
      SELECT batch_call = 'settle'
    $$`.execute(db)
  await checkBatchCalls(db)
  await checkSecondNonces(db)
  await checkLateTransactions(db)
  await keepWhatMayBeMined(db)
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
    -- Whether the call of this batch was signed for a nonce of which nobody has shown that it was used up by something else. What goes to the signer itself is a transaction that does nothing.
    CREATE FUNCTION settlement.may_still_be_mined(of_ledger uuid, of_batch bigint) RETURNS boolean
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
      SELECT EXISTS (
        SELECT FROM settlement.transactions t
        JOIN settlement.nonces n ON n.chain_id = t.chain_id AND n.signer = t.signer AND n.nonce = t.nonce
        WHERE t.ledger_id = of_ledger AND t.batch_sequence = of_batch AND t.target <> t.signer AND n.spent_by_hash IS NULL)
    $$`.execute(db)
  await sql`
    CREATE FUNCTION settlement.check_second_nonce() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
    BEGIN
      PERFORM FROM settlement.batches b
        WHERE b.ledger_id = NEW.ledger_id AND b.batch_sequence = NEW.batch_sequence AND NOT settlement.is_guarded(b.batch_call);
      IF FOUND AND settlement.may_still_be_mined(NEW.ledger_id, NEW.batch_sequence) THEN
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

/** What was signed for a nonce that its batch has given up, or has no need of any more, is only ever replaced by a transaction that does nothing. */
async function checkLateTransactions(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE FUNCTION settlement.must_not_run(n settlement.nonces) RETURNS boolean
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
      SELECT EXISTS (
        SELECT FROM settlement.batches b
        WHERE b.ledger_id = n.ledger_id AND b.batch_sequence = n.batch_sequence AND NOT settlement.is_guarded(b.batch_call)
          AND (n.spent_in_vain_at IS NOT NULL OR b.state = 'confirmed' AND NOT EXISTS (
            SELECT FROM settlement.transactions t
            WHERE t.chain_id = n.chain_id AND t.signer = n.signer AND t.nonce = n.nonce AND t.hash = b.tx_hash)))
    $$`.execute(db)
  await sql`
    CREATE OR REPLACE FUNCTION settlement.check_transaction() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
    DECLARE
      last settlement.transactions%ROWTYPE;
      may_be_replaced boolean;
      must_not_run boolean;
      -- A transfer of nothing from the signer to itself.
      does_nothing constant boolean := NEW.target = NEW.signer
        AND NEW.calldata_hash = '0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470';
    BEGIN
      PERFORM 1 FROM settlement.nonces n
        WHERE n.chain_id = NEW.chain_id AND n.signer = NEW.signer AND n.nonce = NEW.nonce AND n.ledger_id = NEW.ledger_id
          AND n.batch_sequence IS NOT DISTINCT FROM NEW.batch_sequence AND n.tree_size IS NOT DISTINCT FROM NEW.tree_size;
      IF NOT FOUND THEN
        RAISE EXCEPTION 'nonce % of signer % is not for the call of this transaction', NEW.nonce, NEW.signer USING ERRCODE = 'check_violation';
      END IF;
      SELECT settlement.must_not_run(n) INTO must_not_run FROM settlement.nonces n
        WHERE n.chain_id = NEW.chain_id AND n.signer = NEW.signer AND n.nonce = NEW.nonce;
      IF must_not_run AND NOT does_nothing THEN
        RAISE EXCEPTION 'the call of nonce % must not be made by it any more', NEW.nonce USING ERRCODE = 'check_violation';
      END IF;
      SELECT * INTO last FROM settlement.transactions t
        WHERE t.chain_id = NEW.chain_id AND t.signer = NEW.signer AND t.nonce = NEW.nonce ORDER BY t.attempt DESC LIMIT 1;
      IF NOT FOUND THEN
        IF NEW.attempt <> 1 THEN
          RAISE EXCEPTION 'nonce % has nothing to replace', NEW.nonce USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
      END IF;
      IF NEW.attempt <> last.attempt + 1 THEN
        RAISE EXCEPTION 'nonce % has a transaction already', NEW.nonce USING ERRCODE = 'check_violation';
      END IF;
      IF NOT (must_not_run AND does_nothing)
        AND ((NEW.target, NEW.calldata_hash) IS DISTINCT FROM (last.target, last.calldata_hash) OR NEW.gas_limit < last.gas_limit)
        OR NEW.transaction_type <> last.transaction_type THEN
        RAISE EXCEPTION 'a replacement for nonce % is another call', NEW.nonce USING ERRCODE = 'check_violation';
      END IF;
      -- An eighth more is 12.5 %. A fee of 0 has to rise as well.
      IF NEW.max_fee_per_gas <= last.max_fee_per_gas OR NEW.max_fee_per_gas * 8 < last.max_fee_per_gas * 9
        OR NEW.max_priority_fee_per_gas <= last.max_priority_fee_per_gas OR NEW.max_priority_fee_per_gas * 8 < last.max_priority_fee_per_gas * 9 THEN
        RAISE EXCEPTION 'a replacement for nonce % does not offer enough more', NEW.nonce USING ERRCODE = 'check_violation';
      END IF;
      -- The nonce has its call, whose transaction it sends, or nobody's, and is filled; and no transaction of it is known to be mined.
      SELECT (n.spent_in_vain_at IS NOT NULL OR coalesce(b.state, a.state) NOT IN ('sealed', 'simulated', 'mined'))
          AND NOT EXISTS (
            SELECT FROM settlement.transactions t
            WHERE t.chain_id = NEW.chain_id AND t.signer = NEW.signer AND t.nonce = NEW.nonce AND t.hash = coalesce(b.tx_hash, a.tx_hash))
        INTO may_be_replaced
        FROM settlement.nonces n
        LEFT JOIN settlement.batches b ON b.ledger_id = n.ledger_id AND b.batch_sequence = n.batch_sequence
        LEFT JOIN settlement.anchors a ON a.ledger_id = n.ledger_id AND a.tree_size = n.tree_size
        WHERE n.chain_id = NEW.chain_id AND n.signer = NEW.signer AND n.nonce = NEW.nonce;
      IF may_be_replaced IS NOT TRUE THEN
        RAISE EXCEPTION 'the transaction of nonce % may not be replaced', NEW.nonce USING ERRCODE = 'check_violation';
      END IF;
      RETURN NEW;
    END $$`.execute(db)
}

/** The changes of a batch may be folded into another one when nothing that was signed for it can be mined: never where a guard is all that would show it, and without one when that was shown of every nonce. */
async function keepWhatMayBeMined(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE OR REPLACE FUNCTION settlement.keep_signed_batch() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
    BEGIN
      IF EXISTS (
        SELECT FROM settlement.nonces n WHERE n.ledger_id = NEW.ledger_id AND n.batch_sequence = NEW.batch_sequence
          AND (settlement.is_guarded(NEW.batch_call) OR n.spent_in_vain_at IS NULL))
        OR settlement.may_still_be_mined(NEW.ledger_id, NEW.batch_sequence) THEN
        RAISE EXCEPTION 'batch % of ledger % has a nonce and cannot be taken apart', NEW.batch_sequence, NEW.ledger_id;
      END IF;
      RETURN NEW;
    END $$`.execute(db)
}
