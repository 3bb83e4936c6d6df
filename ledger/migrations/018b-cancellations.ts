import { type Kysely, sql } from "kysely"

/**
 * A batch that was signed may be settled by its bytes at any time. Once it is to be cancelled, nothing is signed for it but what takes its id out of use; only when the chain says that this is
 * done do its changes wait again.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    ALTER TABLE settlement.batches
      ADD COLUMN cancel_requested_at timestamptz(3),
      ADD COLUMN cancel_requested_by text,
      ADD COLUMN cancel_reason text,
      -- keccak256 of the only calldata that may be signed from then on.
      ADD COLUMN cancel_calldata_hash text CHECK (cancel_calldata_hash ~ '^0x[0-9a-f]{64}$'),
      ADD COLUMN cancelled_position bigint,
      ADD CHECK (num_nonnulls(cancel_requested_at, cancel_requested_by, cancel_reason, cancel_calldata_hash) IN (0, 4)),
      ADD CHECK ((state = 'cancelled') = (cancelled_position IS NOT NULL))`.execute(db)
  await sql`
    ALTER TABLE settlement.transactions ADD COLUMN is_cancellation boolean NOT NULL DEFAULT false`.execute(db)
  await sql`
    CREATE FUNCTION settlement.keep_cancel_request() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
    BEGIN
      RAISE EXCEPTION 'batch % is being cancelled, which nobody can take back', OLD.batch_sequence USING ERRCODE = 'check_violation';
    END $$`.execute(db)
  await sql`
    CREATE TRIGGER batches_keep_cancel_request BEFORE UPDATE OF cancel_requested_at, cancel_calldata_hash ON settlement.batches
      FOR EACH ROW WHEN (OLD.cancel_requested_at IS NOT NULL
        AND (NEW.cancel_requested_at, NEW.cancel_calldata_hash) IS DISTINCT FROM (OLD.cancel_requested_at, OLD.cancel_calldata_hash))
      EXECUTE FUNCTION settlement.keep_cancel_request()`.execute(db)
  await guardCancellations(db)
}

/** Whatever the program believes: what is saved for a batch that is being cancelled cancels it, for whichever of its nonces, and nothing else does. */
async function guardCancellations(db: Kysely<unknown>): Promise<void> {
  await sql`
    -- The contract that knows a token's batches.
    CREATE FUNCTION settlement.contract_of(t registry.tokens) RETURNS text
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$ SELECT t.token_address $$`.execute(db)
  await sql`
    CREATE FUNCTION settlement.refuse_cancelled_batch() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
    BEGIN
      -- The lock makes it wait for whoever asks for the cancellation at this moment. A transaction that does nothing goes to the signer itself.
      PERFORM FROM settlement.batches b
        WHERE b.ledger_id = NEW.ledger_id AND b.batch_sequence = NEW.batch_sequence AND b.cancel_requested_at IS NULL
        FOR NO KEY UPDATE;
      IF NOT FOUND AND NEW.target <> NEW.signer THEN
        RAISE EXCEPTION 'batch % is being cancelled: nothing else is signed for it', NEW.batch_sequence USING ERRCODE = 'check_violation';
      END IF;
      RETURN NEW;
    END $$`.execute(db)
  await sql`
    CREATE TRIGGER refuse_cancelled_batch BEFORE INSERT ON settlement.transactions
      FOR EACH ROW WHEN (NEW.batch_sequence IS NOT NULL AND NOT NEW.is_cancellation)
      EXECUTE FUNCTION settlement.refuse_cancelled_batch()`.execute(db)
  await sql`
    CREATE FUNCTION settlement.check_cancellation() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
    DECLARE
      last settlement.transactions%ROWTYPE;
    BEGIN
      PERFORM FROM settlement.nonces n
        JOIN settlement.batches b ON b.ledger_id = n.ledger_id AND b.batch_sequence = n.batch_sequence
        JOIN registry.tokens t ON t.token_id = b.token_id
        WHERE n.chain_id = NEW.chain_id AND n.signer = NEW.signer AND n.nonce = NEW.nonce
          AND n.ledger_id = NEW.ledger_id AND n.batch_sequence = NEW.batch_sequence
          AND settlement.contract_of(t) = NEW.target AND b.cancel_calldata_hash = NEW.calldata_hash
          AND NOT EXISTS (
            SELECT FROM settlement.transactions m
            WHERE m.chain_id = NEW.chain_id AND m.signer = NEW.signer AND m.nonce = NEW.nonce AND m.hash = b.tx_hash);
      IF NOT FOUND THEN
        RAISE EXCEPTION 'nonce % is not for a batch that is being cancelled, or is used', NEW.nonce USING ERRCODE = 'check_violation';
      END IF;
      SELECT * INTO last FROM settlement.transactions t
        WHERE t.chain_id = NEW.chain_id AND t.signer = NEW.signer AND t.nonce = NEW.nonce ORDER BY t.attempt DESC LIMIT 1;
      IF NEW.attempt <> coalesce(last.attempt, 0) + 1 THEN
        RAISE EXCEPTION 'nonce % has a transaction already, or nothing to replace', NEW.nonce USING ERRCODE = 'check_violation';
      END IF;
      IF last.attempt IS NULL THEN
        RETURN NEW;
      END IF;
      IF NEW.transaction_type <> last.transaction_type
        OR NEW.max_fee_per_gas <= last.max_fee_per_gas OR NEW.max_fee_per_gas * 8 < last.max_fee_per_gas * 9
        OR NEW.max_priority_fee_per_gas <= last.max_priority_fee_per_gas OR NEW.max_priority_fee_per_gas * 8 < last.max_priority_fee_per_gas * 9 THEN
        RAISE EXCEPTION 'a cancellation for nonce % does not offer enough more', NEW.nonce USING ERRCODE = 'check_violation';
      END IF;
      RETURN NEW;
    END $$`.execute(db)
  // What cancels is another call than what was signed before, which is what the other trigger is there to refuse.
  await sql`DROP TRIGGER check_transaction ON settlement.transactions`.execute(db)
  await sql`
    CREATE TRIGGER check_transaction BEFORE INSERT ON settlement.transactions
      FOR EACH ROW WHEN (NOT NEW.is_cancellation) EXECUTE FUNCTION settlement.check_transaction()`.execute(db)
  await sql`
    CREATE TRIGGER check_cancellation BEFORE INSERT ON settlement.transactions
      FOR EACH ROW WHEN (NEW.is_cancellation) EXECUTE FUNCTION settlement.check_cancellation()`.execute(db)
}
