import { type Kysely, sql } from "kysely"

/**
 * Partitions of `ledger.events` by position, all ledgers together, and what keeps them append-only. Whoever passes a million positions has the next partitions made
 * (`ledger.ensure_event_partitions`), so that one is always there before it is needed.
 */
export async function createEventPartitions(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE TABLE ledger.event_partitions (
      first_position bigint PRIMARY KEY CHECK (first_position > 0),
      last_position bigint NOT NULL CHECK (last_position >= first_position),
      name text NOT NULL UNIQUE,
      created_at timestamptz(3) NOT NULL DEFAULT now(),
      archived_at timestamptz(3)
    )`.execute(db)
  await protectEvents(db)
  // The CHECK says what the partition's bounds will say, so that attaching it reads nothing. Rows never change once they are in, so they are frozen early: no vacuum comes
  // back to a partition that is full.
  await sql`
    CREATE FUNCTION ledger.create_event_partition(partition text, first bigint, last bigint) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
    BEGIN
      EXECUTE format('CREATE TABLE ledger.%I (LIKE ledger.events INCLUDING ALL, CONSTRAINT range CHECK (position BETWEEN %s AND %s))
        WITH (autovacuum_freeze_min_age = 0, autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_vacuum_insert_threshold = 100000,
          autovacuum_analyze_scale_factor = 0.02)', partition, first, last);
      EXECUTE format('CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON ledger.%I FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change()', partition);
    END $$`.execute(db)
  // LIKE and ATTACH instead of PARTITION OF: writers go on while a partition is made.
  await sql`
    CREATE FUNCTION ledger.ensure_event_partitions(upto bigint, size bigint DEFAULT 5000000) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    DECLARE
      first bigint;
      partition text;
    BEGIN
      IF upto <= (SELECT max(last_position) FROM ledger.event_partitions) THEN RETURN; END IF;
      PERFORM pg_advisory_xact_lock(hashtext('ledger.ensure_event_partitions'));
      LOOP
        SELECT coalesce(max(last_position), 0) + 1 INTO first FROM ledger.event_partitions;
        EXIT WHEN first > upto;
        partition := format('events_from_%s', first);
        PERFORM ledger.create_event_partition(partition, first, first + size - 1);
        EXECUTE format('ALTER TABLE ledger.events ATTACH PARTITION ledger.%I FOR VALUES FROM (%s) TO (%s)', partition, first, first + size);
        INSERT INTO ledger.event_partitions (first_position, last_position, name) VALUES (first, first + size - 1, partition);
      END LOOP;
    END $$`.execute(db)
  await sql`SELECT ledger.ensure_event_partitions(5000001)`.execute(db)
}

async function protectEvents(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE FUNCTION ledger.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      RAISE EXCEPTION '%.% is append-only: % is refused', TG_TABLE_SCHEMA, TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'insufficient_privilege';
    END $$`.execute(db)
  // Everything that is hashed stays as it is; what may go is what the hash covers by its own hash only.
  await sql`
    CREATE FUNCTION ledger.allow_redaction_only() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF NEW.details IS NULL AND NEW.salt IS NULL AND OLD.details IS NOT NULL
        AND (NEW.ledger_id, NEW.position, NEW.type, NEW.version, NEW.operation_id, NEW.sequence, NEW.account_id, NEW.amount, NEW.balance_after,
          NEW.occurred_at, NEW.recorded_at, NEW.causation, NEW.data::text, NEW.details_hash, NEW.prev_hash, NEW.hash)
        IS NOT DISTINCT FROM
          (OLD.ledger_id, OLD.position, OLD.type, OLD.version, OLD.operation_id, OLD.sequence, OLD.account_id, OLD.amount, OLD.balance_after,
          OLD.occurred_at, OLD.recorded_at, OLD.causation, OLD.data::text, OLD.details_hash, OLD.prev_hash, OLD.hash)
      THEN RETURN NEW; END IF;
      RAISE EXCEPTION '%.% is append-only: % is refused', TG_TABLE_SCHEMA, TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'insufficient_privilege';
    END $$`.execute(db)
  await sql`
    CREATE TRIGGER refuse_update BEFORE UPDATE ON ledger.events
      FOR EACH ROW EXECUTE FUNCTION ledger.allow_redaction_only()`.execute(db)
  await sql`
    CREATE TRIGGER refuse_delete BEFORE DELETE ON ledger.events
      FOR EACH ROW EXECUTE FUNCTION ledger.refuse_change()`.execute(db)
  await sql`
    CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON ledger.events
      FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change()`.execute(db)
  // The application may erase details by this function alone: it has no UPDATE.
  await sql`
    CREATE FUNCTION ledger.redact_details(ledger uuid, positions bigint[]) RETURNS bigint
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
      WITH redacted AS (
        UPDATE ledger.events SET details = NULL, salt = NULL
        WHERE ledger_id = ledger AND position = ANY(positions) AND details IS NOT NULL
        RETURNING 1
      ) SELECT count(*) FROM redacted $$`.execute(db)
}
