import { type Kysely, sql } from "kysely"

/**
 * What each process may do. The roles cannot log in: a deployment creates its own users as their members.
 * `chainbridge_app` appends to the event store and reads it; nobody but its owner could change it, and a trigger refuses the owner.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    DO $$ BEGIN
      IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'chainbridge_app') THEN CREATE ROLE chainbridge_app NOLOGIN; END IF;
      IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'chainbridge_indexer') THEN CREATE ROLE chainbridge_indexer NOLOGIN; END IF;
    END $$`.execute(db)
  await sql`GRANT USAGE ON SCHEMA registry, ledger, settlement TO chainbridge_app`.execute(db)
  await sql`GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA registry, ledger, settlement TO chainbridge_app`.execute(
    db,
  )
  await sql`GRANT USAGE ON ALL SEQUENCES IN SCHEMA registry, ledger, settlement TO chainbridge_app`.execute(
    db,
  )
  await sql`REVOKE UPDATE, DELETE, TRUNCATE ON ledger.events FROM chainbridge_app`.execute(db)
  // What is only ever added to, and what may change but never go. (A lock of a row needs UPDATE as well.)
  await sql`
    REVOKE UPDATE, DELETE ON ledger.operations, ledger.reversals, ledger.balance_history, ledger.accounts FROM chainbridge_app`.execute(
    db,
  )
  await sql`REVOKE DELETE ON ledger.head, ledger.holds, ledger.balances FROM chainbridge_app`.execute(db)
  await sql`
    DO $$ DECLARE partition regclass; BEGIN
      FOR partition IN SELECT inhrelid FROM pg_inherits WHERE inhparent = 'ledger.events'::regclass
      LOOP EXECUTE format('REVOKE ALL ON %s FROM chainbridge_app', partition); END LOOP;
    END $$`.execute(db)
  await sql`REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON ledger.event_partitions FROM chainbridge_app`.execute(
    db,
  )
  await sql`REVOKE ALL ON FUNCTION ledger.ensure_event_partitions, ledger.redact_details FROM PUBLIC`.execute(
    db,
  )
  await sql`GRANT EXECUTE ON FUNCTION ledger.ensure_event_partitions, ledger.redact_details TO chainbridge_app`.execute(
    db,
  )
  // What to index: chains and the addresses of tokens, and nothing else of the registry.
  await sql`GRANT USAGE ON SCHEMA registry TO chainbridge_indexer`.execute(db)
  await sql`GRANT SELECT ON registry.chains, registry.tokens TO chainbridge_indexer`.execute(db)
  // Ponder makes a schema per build and its own ponder_sync; the ledger reads only the views in "chain".
  await sql`CREATE SCHEMA chain AUTHORIZATION chainbridge_indexer`.execute(db)
  await sql`GRANT USAGE ON SCHEMA chain TO chainbridge_app`.execute(db)
}
