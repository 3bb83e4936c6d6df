import { type Kysely, sql } from "kysely"

/**
 * Webhook endpoints, what they are signed with, and what became of each delivery. What there is to deliver is not in here: it follows from the event log and an endpoint's cursor.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`CREATE SCHEMA webhooks`.execute(db)
  await makePolicy(db)
  await makeEndpoints(db)
  await makeDeliveries(db)
  await makeGuards(db)
  await sql`GRANT USAGE ON SCHEMA webhooks TO chainbridge_app`.execute(db)
  await sql`GRANT SELECT, INSERT, UPDATE ON registry.webhook_policy TO chainbridge_app`.execute(db)
  await sql`GRANT SELECT, INSERT, UPDATE, DELETE ON webhooks.endpoints TO chainbridge_app`.execute(db)
  await sql`GRANT SELECT, INSERT, DELETE ON webhooks.secrets, webhooks.deliveries, webhooks.attempts TO chainbridge_app`.execute(
    db,
  )
  await sql`GRANT UPDATE (expires_at) ON webhooks.secrets TO chainbridge_app`.execute(db)
  // Whose a delivery is and which event it carries stays.
  await sql`
    GRANT UPDATE (status, attempts, retries, settled_at, redelivery_requested_at) ON webhooks.deliveries TO chainbridge_app`.execute(
    db,
  )
}

async function makePolicy(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE TABLE registry.webhook_policy (
      is_only_row boolean PRIMARY KEY DEFAULT true CHECK (is_only_row),
      allow_http boolean NOT NULL,
      -- Ranges that may be delivered to besides public addresses.
      allowed_targets cidr[] NOT NULL CHECK (cardinality(allowed_targets) <= 100),
      disable_after_ms bigint NOT NULL CHECK (disable_after_ms > 0),
      log_kept_ms bigint NOT NULL CHECK (log_kept_ms > 0)
    )`.execute(db)
}

async function makeEndpoints(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE TABLE webhooks.endpoints (
      endpoint_id uuid PRIMARY KEY,
      ordinal bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
      ledger_id uuid NOT NULL REFERENCES registry.ledgers,
      url text NOT NULL CHECK (url ~ '^https?://' AND char_length(url) <= 2048),
      description text NOT NULL DEFAULT '' CHECK (char_length(description) <= 500),
      -- NULL: of every type, about every user, in every token.
      types text[] CHECK (cardinality(types) BETWEEN 1 AND 100),
      user_id text,
      token_symbol text,
      chain_id bigint,
      is_enabled boolean NOT NULL DEFAULT true,
      disabled_because text CHECK (disabled_because IN ('request', 'gone', 'failing')),
      disabled_at timestamptz(3),
      -- Every event up to here was delivered, is among the dead letters, or is not for this endpoint.
      cursor_position bigint NOT NULL CHECK (cursor_position >= 0),
      -- Of the delivery that is being retried, and nothing behind it goes before it.
      next_attempt_at timestamptz(3),
      failing_since timestamptz(3),
      -- Has failed last, or was slow: it waits for others of its kind, and not they for it.
      is_slow boolean NOT NULL DEFAULT false,
      -- Changes with the settings, so that who delivers notices.
      version integer NOT NULL DEFAULT 1,
      -- Who delivers holds the lease, and records under its token alone.
      lease_token bigint NOT NULL DEFAULT 0,
      leased_until timestamptz(3),
      created_by text NOT NULL,
      created_at timestamptz(3) NOT NULL DEFAULT now(),
      changed_at timestamptz(3) NOT NULL DEFAULT now(),
      -- Its log is removed piece by piece.
      deleted_at timestamptz(3),
      CHECK (is_enabled = (disabled_at IS NULL)),
      CHECK ((disabled_at IS NULL) = (disabled_because IS NULL)),
      CHECK (deleted_at IS NULL OR NOT is_enabled),
      CHECK (next_attempt_at IS NULL OR failing_since IS NOT NULL)
    )`.execute(db)
  await sql`CREATE INDEX endpoints_ledger ON webhooks.endpoints (ledger_id, ordinal) WHERE deleted_at IS NULL`.execute(
    db,
  )
  await sql`
    CREATE TABLE webhooks.secrets (
      secret_id uuid PRIMARY KEY,
      endpoint_id uuid NOT NULL REFERENCES webhooks.endpoints ON DELETE CASCADE,
      -- Encrypted under a key that the database never sees.
      sealed bytea NOT NULL CHECK (octet_length(sealed) BETWEEN 50 AND 200),
      created_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
      -- NULL: the one that stays. The others sign as well until then.
      expires_at timestamptz(3)
    )`.execute(db)
  await sql`CREATE UNIQUE INDEX secrets_current ON webhooks.secrets (endpoint_id) WHERE expires_at IS NULL`.execute(
    db,
  )
  await sql`CREATE INDEX secrets_endpoint ON webhooks.secrets (endpoint_id)`.execute(db)
}

async function makeDeliveries(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE TABLE webhooks.deliveries (
      delivery_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      endpoint_id uuid NOT NULL REFERENCES webhooks.endpoints ON DELETE CASCADE,
      -- Of the event. NULL: a test, which no event stands behind.
      position bigint CHECK (position > 0),
      type text NOT NULL,
      status text NOT NULL CHECK (status IN ('waiting', 'retrying', 'succeeded', 'dead')),
      -- In all, those that were asked for included.
      attempts integer NOT NULL CHECK (attempts >= 0),
      -- Failed ones of the schedule.
      retries integer NOT NULL DEFAULT 0 CHECK (retries >= 0),
      redelivery_requested_at timestamptz(3),
      created_at timestamptz(3) NOT NULL DEFAULT now(),
      settled_at timestamptz(3),
      UNIQUE (endpoint_id, position),
      CHECK ((settled_at IS NOT NULL) = (status IN ('succeeded', 'dead'))),
      CHECK (status <> 'retrying' OR redelivery_requested_at IS NULL),
      CHECK (status NOT IN ('retrying') OR position IS NOT NULL),
      CHECK (status <> 'waiting' OR (position IS NULL AND redelivery_requested_at IS NOT NULL))
    )`.execute(db)
  // The one that everything behind it waits for: order within an endpoint.
  await sql`
    CREATE UNIQUE INDEX deliveries_retrying ON webhooks.deliveries (endpoint_id) WHERE status = 'retrying'`.execute(
    db,
  )
  await sql`CREATE INDEX deliveries_endpoint ON webhooks.deliveries (endpoint_id, delivery_id)`.execute(db)
  await sql`CREATE INDEX deliveries_dead ON webhooks.deliveries (endpoint_id, delivery_id) WHERE status = 'dead'`.execute(
    db,
  )
  await sql`
    CREATE INDEX deliveries_requested ON webhooks.deliveries (endpoint_id, delivery_id) WHERE redelivery_requested_at IS NOT NULL`.execute(
    db,
  )
  await sql`CREATE INDEX deliveries_settled ON webhooks.deliveries (settled_at)`.execute(db)
  await sql`
    CREATE TABLE webhooks.attempts (
      delivery_id bigint NOT NULL REFERENCES webhooks.deliveries ON DELETE CASCADE,
      attempt integer NOT NULL CHECK (attempt > 0),
      began_at timestamptz(3) NOT NULL,
      duration_ms integer NOT NULL CHECK (duration_ms >= 0),
      -- NULL: there was no answer.
      response_status smallint CHECK (response_status BETWEEN 100 AND 999),
      -- What kept it from being a success.
      error text CHECK (error ~ '^[A-Z_]+$'),
      -- Of the answer's body, or what is known of the error.
      excerpt text NOT NULL DEFAULT '' CHECK (char_length(excerpt) <= 512),
      is_requested boolean NOT NULL,
      PRIMARY KEY (delivery_id, attempt),
      CHECK (response_status IS NOT NULL OR error IS NOT NULL)
    )`.execute(db)
}

/** What the program must not do, whatever it believes. */
async function makeGuards(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE FUNCTION webhooks.keep_order() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
    BEGIN
      IF NEW.cursor_position > OLD.cursor_position THEN
        IF EXISTS (SELECT FROM webhooks.deliveries d WHERE d.endpoint_id = NEW.endpoint_id AND d.status = 'retrying' AND d.position <= NEW.cursor_position) THEN
          RAISE EXCEPTION 'endpoint % would go past a delivery that is being retried', NEW.endpoint_id USING ERRCODE = 'check_violation';
        END IF;
        IF NEW.cursor_position > (SELECT h.position FROM ledger.head h WHERE h.ledger_id = NEW.ledger_id) THEN
          RAISE EXCEPTION 'endpoint % would go past the end of the log', NEW.endpoint_id USING ERRCODE = 'check_violation';
        END IF;
      END IF;
      RETURN NEW;
    END $$`.execute(db)
  await sql`
    CREATE TRIGGER endpoints_keep_order BEFORE UPDATE OF cursor_position ON webhooks.endpoints
      FOR EACH ROW EXECUTE FUNCTION webhooks.keep_order()`.execute(db)
  await sql`
    CREATE FUNCTION webhooks.keep_states() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
    BEGIN
      IF TG_OP = 'UPDATE' AND OLD.status = 'succeeded' AND NEW.status = 'dead'
        OR TG_OP = 'UPDATE' AND OLD.status <> 'waiting' AND NEW.status = 'waiting' THEN
        RAISE EXCEPTION 'delivery % is %, and cannot become %', OLD.delivery_id, OLD.status, NEW.status USING ERRCODE = 'check_violation';
      END IF;
      IF NEW.status = 'retrying' AND NEW.position <= (SELECT e.cursor_position FROM webhooks.endpoints e WHERE e.endpoint_id = NEW.endpoint_id) THEN
        RAISE EXCEPTION 'endpoint % is past position %: nothing there is retried', NEW.endpoint_id, NEW.position USING ERRCODE = 'check_violation';
      END IF;
      RETURN NEW;
    END $$`.execute(db)
  await sql`
    CREATE TRIGGER deliveries_keep_states BEFORE INSERT OR UPDATE OF status ON webhooks.deliveries
      FOR EACH ROW EXECUTE FUNCTION webhooks.keep_states()`.execute(db)
}
