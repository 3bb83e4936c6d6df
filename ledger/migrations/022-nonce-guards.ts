import { type Kysely, sql } from "kysely"

/**
 * Whatever the program believes: a nonce is given out once, and stays what it was given out for. That a batch had one is what keeps it from being taken apart, and that it was given up is what lets the batch
 * have another one.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`REVOKE UPDATE, DELETE ON settlement.nonces FROM chainbridge_app`.execute(db)
  await sql`
    GRANT UPDATE (spent_in_vain_at, spent_by_hash, spent_block_number, spent_block_hash) ON settlement.nonces TO chainbridge_app`.execute(
    db,
  )
  await sql`REVOKE DELETE ON settlement.signers FROM chainbridge_app`.execute(db)
  await sql`
    CREATE FUNCTION settlement.keep_given_up() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
    BEGIN
      RAISE EXCEPTION 'nonce % of signer % was given up, and stays so', OLD.nonce, OLD.signer USING ERRCODE = 'check_violation';
    END $$`.execute(db)
  await sql`
    CREATE TRIGGER nonces_keep_given_up BEFORE UPDATE OF spent_in_vain_at ON settlement.nonces
      FOR EACH ROW WHEN (OLD.spent_in_vain_at IS NOT NULL AND NEW.spent_in_vain_at IS NULL)
      EXECUTE FUNCTION settlement.keep_given_up()`.execute(db)
  await sql`
    CREATE FUNCTION settlement.keep_next_nonce() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
    BEGIN
      RAISE EXCEPTION 'nonces of signer % below % were given out', OLD.address, OLD.next_nonce USING ERRCODE = 'check_violation';
    END $$`.execute(db)
  await sql`
    CREATE TRIGGER signers_keep_next_nonce BEFORE UPDATE OF next_nonce ON settlement.signers
      FOR EACH ROW WHEN (NEW.next_nonce < OLD.next_nonce) EXECUTE FUNCTION settlement.keep_next_nonce()`.execute(
    db,
  )
}
