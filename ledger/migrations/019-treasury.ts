import { type Kysely, sql } from "kysely"

/** Plain tokens, whose credits are paid out of a contract that holds some of them: see docs/decisions/treasury.md. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    ALTER TABLE registry.tokens
      -- The contract that pays the token's batches out and knows which it has paid. NULL: nothing is settled yet.
      ADD COLUMN treasury text CHECK (treasury ~ '^0x[0-9a-f]{40}$'),
      ADD CONSTRAINT tokens_treasury CHECK (treasury IS NULL OR settlement_mode = 'treasury')`.execute(db)
  await sql`
    ALTER TABLE settlement.batches DROP CONSTRAINT batches_batch_call,
      ADD CONSTRAINT batches_batch_call CHECK (batch_call IN ('settle', 'batch_mint', 'batch_burn', 'treasury_settle'))`.execute(
    db,
  )
  await sql`
    ALTER TABLE settlement.lanes DROP CONSTRAINT lanes_paused_by_check,
      ADD CONSTRAINT lanes_paused_by_check CHECK (paused_by IN ('operator', 'balance', 'treasury', 'errors', 'foreign', 'altered', 'strategy'))`.execute(
    db,
  )
  await sql`
    CREATE OR REPLACE FUNCTION settlement.mode_of_call(batch_call text) RETURNS text
    LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
      SELECT CASE batch_call WHEN 'settle' THEN 'settle' WHEN 'batch_mint' THEN 'batch-mint-burn' WHEN 'batch_burn' THEN 'batch-mint-burn'
        WHEN 'treasury_settle' THEN 'treasury' END
    $$`.execute(db)
  await sql`
    CREATE OR REPLACE FUNCTION settlement.is_guarded(batch_call text) RETURNS boolean
    LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
      SELECT batch_call IN ('settle', 'treasury_settle')
    $$`.execute(db)
  await sql`
    CREATE OR REPLACE FUNCTION settlement.contract_of(t registry.tokens) RETURNS text
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$ SELECT coalesce(t.treasury, t.token_address) $$`.execute(
    db,
  )
  await keepTreasury(db)
}

/** Another treasury does not know what this one has paid: a batch that was signed for both would be paid twice. */
async function keepTreasury(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE FUNCTION registry.keep_treasury() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
    BEGIN
      RAISE EXCEPTION 'the treasury of token % cannot be changed: %', OLD.token_id, OLD.treasury USING ERRCODE = 'check_violation';
    END $$`.execute(db)
  await sql`
    CREATE TRIGGER keep_treasury BEFORE UPDATE OF treasury ON registry.tokens
      FOR EACH ROW WHEN (OLD.treasury IS NOT NULL AND NEW.treasury IS DISTINCT FROM OLD.treasury)
      EXECUTE FUNCTION registry.keep_treasury()`.execute(db)
}
