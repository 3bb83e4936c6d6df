import { type Kysely, sql } from "kysely"

/**
 * Where old events go: schema `archive`, out of the way of the partitions that are written to, in the same order and as append-only as before. Readers of the log use the
 * view `ledger.event_log`, to which it makes no difference where an event is.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`CREATE SCHEMA archive`.execute(db)
  await sql`CREATE TABLE archive.events (LIKE ledger.events INCLUDING ALL) PARTITION BY RANGE (position)`.execute(
    db,
  )
  await sql`
    CREATE TRIGGER refuse_update BEFORE UPDATE ON archive.events
      FOR EACH ROW EXECUTE FUNCTION ledger.allow_redaction_only()`.execute(db)
  await sql`
    CREATE TRIGGER refuse_delete BEFORE DELETE ON archive.events
      FOR EACH ROW EXECUTE FUNCTION ledger.refuse_change()`.execute(db)
  await sql`
    CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON archive.events
      FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change()`.execute(db)
  await sql`CREATE VIEW ledger.event_log AS SELECT * FROM ledger.events UNION ALL SELECT * FROM archive.events`.execute(
    db,
  )
  await createArchiveFunction(db)
  // What a person wants erased may be archived already.
  await sql`
    CREATE OR REPLACE FUNCTION ledger.redact_details(ledger uuid, positions bigint[]) RETURNS bigint
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
      WITH redacted AS (
        UPDATE ledger.events SET details = NULL, salt = NULL
        WHERE ledger_id = ledger AND position = ANY(positions) AND details IS NOT NULL
        RETURNING 1
      ), redacted_archive AS (
        UPDATE archive.events SET details = NULL, salt = NULL
        WHERE ledger_id = ledger AND position = ANY(positions) AND details IS NOT NULL
        RETURNING 1
      ) SELECT (SELECT count(*) FROM redacted) + (SELECT count(*) FROM redacted_archive) $$`.execute(db)
  await sql`GRANT USAGE ON SCHEMA archive TO chainbridge_app`.execute(db)
  await sql`GRANT SELECT ON archive.events, ledger.event_log TO chainbridge_app`.execute(db)
}

/**
 * A ledger that is not through a partition's positions goes on to write there, and one that is made tomorrow begins at position 1. So a partition is replaced, not
 * removed: the new one has the rows of the ledgers that are still in it. All of it is one transaction; whoever appends or reads meanwhile waits.
 */
async function createArchiveFunction(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE FUNCTION ledger.archive_event_partition(first bigint, copied_max bigint) RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
    DECLARE
      range ledger.event_partitions;
      unfinished uuid[];
      kept bigint;
      moved bigint;
      is_known boolean;
    BEGIN
      LOCK TABLE ledger.events IN ACCESS EXCLUSIVE MODE;
      SELECT * INTO STRICT range FROM ledger.event_partitions WHERE first_position = first FOR UPDATE;
      is_known := to_regclass(format('archive.%I', range.name)) IS NOT NULL;
      SELECT coalesce(array_agg(ledger_id), '{}') INTO unfinished FROM ledger.head
        WHERE position >= first AND position < range.last_position;
      EXECUTE format('SELECT count(*) FILTER (WHERE ledger_id = ANY($1)), count(*) FILTER (WHERE ledger_id <> ALL($1)) FROM ledger.%I', range.name)
        INTO kept, moved USING unfinished;
      IF moved = 0 THEN RETURN 0; END IF;
      IF kept > copied_max OR (is_known AND moved > copied_max) THEN
        RAISE EXCEPTION 'archiving % would copy % events of ledgers that still write there and % to the archive while everybody waits; at most % are', range.name, kept, CASE WHEN is_known THEN moved ELSE 0 END, copied_max
          USING ERRCODE = 'program_limit_exceeded';
      END IF;
      EXECUTE format('ALTER TABLE ledger.events DETACH PARTITION ledger.%I', range.name);
      EXECUTE format('ALTER TABLE ledger.%I RENAME TO leaving', range.name);
      PERFORM ledger.create_event_partition(range.name, range.first_position, range.last_position);
      EXECUTE format('INSERT INTO ledger.%I SELECT * FROM ledger.leaving WHERE ledger_id = ANY($1)', range.name) USING unfinished;
      IF is_known THEN
        INSERT INTO archive.events SELECT * FROM ledger.leaving WHERE ledger_id <> ALL(unfinished);
        DROP TABLE ledger.leaving;
      ELSE
        DELETE FROM ledger.leaving WHERE ledger_id = ANY(unfinished);
        EXECUTE format('ALTER TABLE ledger.leaving RENAME TO %I', range.name || '_archived');
        EXECUTE format('ALTER TABLE ledger.%I SET SCHEMA archive', range.name || '_archived');
        EXECUTE format('ALTER TABLE archive.%I RENAME TO %I', range.name || '_archived', range.name);
        EXECUTE format('ALTER TABLE archive.events ATTACH PARTITION archive.%I FOR VALUES FROM (%s) TO (%s)', range.name, range.first_position, range.last_position + 1);
      END IF;
      EXECUTE format('ALTER TABLE ledger.events ATTACH PARTITION ledger.%I FOR VALUES FROM (%s) TO (%s)', range.name, range.first_position, range.last_position + 1);
      UPDATE ledger.event_partitions SET archived_at = now() WHERE first_position = first;
      RETURN moved;
    END $$`.execute(db)
  await sql`REVOKE ALL ON FUNCTION ledger.archive_event_partition FROM PUBLIC`.execute(db)
}
