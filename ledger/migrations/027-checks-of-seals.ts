import { type Kysely, sql } from "kysely"

/**
 * A seal names its batch a thousand times, and a foreign key asks for it a thousand times: a third of the time in which the ledger's head is locked. The same is asked here once for each statement. What a foreign
 * key does beyond that is keep what is named, and nothing ever deletes or renumbers a batch.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await keepBatches(db)
  await sql`
    ALTER TABLE settlement.batch_items DROP CONSTRAINT batch_items_ledger_id_batch_sequence_fkey`.execute(db)
  await sql`
    ALTER TABLE settlement.batch_accounts
      DROP CONSTRAINT batch_accounts_ledger_id_batch_sequence_fkey,
      DROP CONSTRAINT batch_accounts_ledger_id_account_id_fkey`.execute(db)
  await checkBatches(db)
  await checkAccounts(db)
}

async function keepBatches(db: Kysely<unknown>): Promise<void> {
  await sql`REVOKE DELETE, TRUNCATE ON settlement.batches FROM chainbridge_app`.execute(db)
  await sql`
    CREATE FUNCTION settlement.keep_batches() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
    BEGIN
      RAISE EXCEPTION 'batches are neither deleted nor numbered anew: changes and accounts name them'
        USING ERRCODE = 'foreign_key_violation';
    END $$`.execute(db)
  await sql`
    CREATE TRIGGER keep_batches BEFORE DELETE OR TRUNCATE ON settlement.batches
      FOR EACH STATEMENT EXECUTE FUNCTION settlement.keep_batches()`.execute(db)
  await sql`
    CREATE TRIGGER keep_batch_numbers BEFORE UPDATE OF ledger_id, batch_sequence ON settlement.batches
      FOR EACH STATEMENT EXECUTE FUNCTION settlement.keep_batches()`.execute(db)
}

async function checkBatches(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE FUNCTION settlement.check_batch_exists() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
    DECLARE missing bigint;
    BEGIN
      SELECT c.batch_sequence INTO missing
        FROM (SELECT DISTINCT ledger_id, batch_sequence FROM changed WHERE batch_sequence IS NOT NULL) c
        WHERE (SELECT true FROM settlement.batches b
          WHERE b.ledger_id = c.ledger_id AND b.batch_sequence = c.batch_sequence) IS NULL
        LIMIT 1;
      IF FOUND THEN
        RAISE EXCEPTION 'there is no batch %', missing USING ERRCODE = 'foreign_key_violation';
      END IF;
      RETURN NULL;
    END $$`.execute(db)
  for (const table of ["batch_items", "batch_accounts"])
    for (const statement of ["INSERT", "UPDATE"])
      await sql`
        CREATE TRIGGER ${sql.id(`check_batch_on_${statement.toLowerCase()}`)} AFTER ${sql.raw(statement)} ON ${sql.id("settlement", table)}
          REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION settlement.check_batch_exists()`.execute(
        db,
      )
}

async function checkAccounts(db: Kysely<unknown>): Promise<void> {
  // Each account is looked up by its key, whatever the planner believes of the rows that a statement will bring.
  await sql`
    CREATE FUNCTION settlement.check_account_exists() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
    DECLARE missing bigint;
    BEGIN
      SELECT c.account_id INTO missing FROM changed c
        WHERE (SELECT true FROM ledger.accounts a
          WHERE a.ledger_id = c.ledger_id AND a.account_id = c.account_id) IS NULL
        LIMIT 1;
      IF FOUND THEN
        RAISE EXCEPTION 'there is no account %', missing USING ERRCODE = 'foreign_key_violation';
      END IF;
      RETURN NULL;
    END $$`.execute(db)
  await sql`
    CREATE TRIGGER check_account AFTER INSERT ON settlement.batch_accounts
      REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION settlement.check_account_exists()`.execute(
    db,
  )
  await sql`
    CREATE FUNCTION settlement.keep_batch_account() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
    BEGIN
      RAISE EXCEPTION 'the account of a batch stays the account that it is' USING ERRCODE = 'foreign_key_violation';
    END $$`.execute(db)
  await sql`
    CREATE TRIGGER keep_batch_account BEFORE UPDATE OF ledger_id, account_id ON settlement.batch_accounts
      FOR EACH STATEMENT EXECUTE FUNCTION settlement.keep_batch_account()`.execute(db)
}
