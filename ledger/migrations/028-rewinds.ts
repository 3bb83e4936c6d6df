import { type Kysely, sql } from "kysely"

/**
 * Above its cursor a chain is read again, and what is confirmed there already would be left out. A confirmation that stood above it could be one of a block that is gone, and nobody would look at it again: the
 * cursor goes back only when everything above has been taken back.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE FUNCTION ledger.check_rewind() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
    BEGIN
      IF EXISTS (
        SELECT FROM ledger.confirmations c
        WHERE c.chain_id = NEW.chain_id AND c.block_number > NEW.block_number AND c.revoked_position IS NULL)
      THEN
        RAISE EXCEPTION 'a confirmation stands above block % of chain %: it has to be taken back first', NEW.block_number, NEW.chain_id
          USING ERRCODE = 'check_violation';
      END IF;
      RETURN NEW;
    END $$`.execute(db)
  await sql`
    CREATE TRIGGER check_rewind BEFORE UPDATE ON ledger.chain_cursors
      FOR EACH ROW WHEN (NEW.block_number < OLD.block_number) EXECUTE FUNCTION ledger.check_rewind()`.execute(
    db,
  )
}
