import { type Kysely, sql } from "kysely"

/** For who decided what to append before he had the lock on the head: he gets it where the head is what he decided on, and else his transaction fails. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE FUNCTION ledger.lock_head_at(ledger uuid, expected_position bigint, expected_hash bytea) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
    DECLARE
      is_there boolean;
    BEGIN
      -- Answered by the row as it is when the lock is granted, whatever it was when the wait began.
      SELECT position = expected_position AND hash = expected_hash INTO is_there
        FROM ledger.head WHERE ledger_id = ledger FOR NO KEY UPDATE;
      IF is_there IS NOT TRUE THEN
        RAISE EXCEPTION 'the head of ledger % is not at position %', ledger, expected_position USING ERRCODE = 'CB001';
      END IF;
    END $$`.execute(db)
  await sql`REVOKE ALL ON FUNCTION ledger.lock_head_at FROM PUBLIC`.execute(db)
  await sql`GRANT EXECUTE ON FUNCTION ledger.lock_head_at TO chainbridge_app`.execute(db)
}
