import { type Kysely, sql } from "kysely"

/** People beside keys, what keys may be used from, and a log of what either does that is not in the event log. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await extendKeys(db)
  await makePeople(db)
  await makeSessions(db)
  await makeAuditLog(db)
  await sql`
    GRANT SELECT, INSERT, UPDATE ON registry.people, registry.sessions, registry.refresh_tokens, registry.sign_in_attempts TO chainbridge_app`.execute(
    db,
  )
  await sql`GRANT SELECT, INSERT, DELETE ON registry.person_roles, registry.person_identities TO chainbridge_app`.execute(
    db,
  )
  await sql`GRANT DELETE ON registry.sessions, registry.sign_in_attempts TO chainbridge_app`.execute(db)
  await sql`GRANT SELECT, INSERT ON registry.audit_log TO chainbridge_app`.execute(db)
}

async function extendKeys(db: Kysely<unknown>): Promise<void> {
  await sql`
    ALTER TABLE registry.api_keys
      ADD COLUMN name text NOT NULL DEFAULT '' CHECK (char_length(name) <= 100),
      -- NULL: from anywhere.
      ADD COLUMN allowed_from cidr[] CHECK (cardinality(allowed_from) BETWEEN 1 AND 100),
      -- May do what concerns every app. Only the command makes such a key.
      ADD COLUMN is_of_installation boolean NOT NULL DEFAULT false,
      ADD COLUMN created_by text NOT NULL DEFAULT 'command',
      ADD COLUMN ordinal bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
      -- The key that was made in its place; this one ends when the overlap does.
      ADD COLUMN replaced_by uuid UNIQUE REFERENCES registry.api_keys,
      ADD CHECK (replaced_by IS NULL OR expires_at IS NOT NULL),
      ADD CHECK (replaced_by <> key_id),
      ADD CHECK (scopes <@ ARRAY['ledger:write', 'ledger:read', 'wallet:write', 'transfer:write', 'nft:write', 'webhooks:write', 'audit:read', 'admin'])`.execute(
    db,
  )
  await sql`CREATE INDEX api_keys_app ON registry.api_keys (app_id, ordinal)`.execute(db)
  await sql`ALTER TABLE registry.apps ADD COLUMN ordinal bigint GENERATED ALWAYS AS IDENTITY UNIQUE`.execute(
    db,
  )
}

async function makePeople(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE TABLE registry.people (
      person_id uuid PRIMARY KEY,
      email text NOT NULL UNIQUE CHECK (email = lower(email) AND email ~ '^[^[:space:]@]+@[^[:space:]@]+$' AND char_length(email) <= 254),
      name text NOT NULL DEFAULT '' CHECK (char_length(name) <= 100),
      -- NULL: signs in elsewhere, or nowhere.
      password_hash text CHECK (password_hash LIKE '$argon2id$%'),
      password_changed_at timestamptz(3),
      -- Somebody else has seen the password: it opens nothing but its own exchange, and that only for so long.
      password_expires_at timestamptz(3),
      -- Until then whoever proves this address to an identity provider is this person. Once.
      linkable_until timestamptz(3),
      disabled_at timestamptz(3),
      ordinal bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
      created_by text NOT NULL,
      created_at timestamptz(3) NOT NULL DEFAULT now(),
      CHECK (password_expires_at IS NULL OR password_hash IS NOT NULL)
    )`.execute(db)
  await sql`
    CREATE TABLE registry.person_roles (
      person_id uuid NOT NULL REFERENCES registry.people,
      -- NULL: in every app, also those that come later, and in what concerns all of them.
      app_id uuid REFERENCES registry.apps,
      role text NOT NULL CHECK (role IN ('admin', 'operator', 'auditor', 'analyst')),
      granted_at timestamptz(3) NOT NULL DEFAULT now(),
      UNIQUE NULLS NOT DISTINCT (person_id, app_id, role)
    )`.execute(db)
  await sql`
    CREATE TABLE registry.person_identities (
      issuer text NOT NULL,
      subject text NOT NULL,
      person_id uuid NOT NULL REFERENCES registry.people,
      linked_at timestamptz(3) NOT NULL DEFAULT now(),
      PRIMARY KEY (issuer, subject),
      UNIQUE (person_id, issuer)
    )`.execute(db)
}

async function makeSessions(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE TABLE registry.sessions (
      session_id uuid PRIMARY KEY,
      person_id uuid NOT NULL REFERENCES registry.people,
      began_at timestamptz(3) NOT NULL,
      expires_at timestamptz(3) NOT NULL CHECK (expires_at > began_at),
      address inet,
      ended_at timestamptz(3),
      ended_by text CHECK (ended_by IN ('sign_out', 'sign_out_everywhere', 'reuse', 'password', 'disabled')),
      CHECK ((ended_at IS NULL) = (ended_by IS NULL))
    )`.execute(db)
  await sql`CREATE INDEX sessions_person ON registry.sessions (person_id) WHERE ended_at IS NULL`.execute(db)
  await sql`CREATE INDEX sessions_expired ON registry.sessions (expires_at)`.execute(db)
  // Each can be spent once: a second time ends the session, as one of the two has stolen it.
  await sql`
    CREATE TABLE registry.refresh_tokens (
      token_hash bytea PRIMARY KEY CHECK (octet_length(token_hash) = 32),
      session_id uuid NOT NULL REFERENCES registry.sessions ON DELETE CASCADE,
      issued_at timestamptz(3) NOT NULL,
      expires_at timestamptz(3) NOT NULL,
      spent_at timestamptz(3)
    )`.execute(db)
  await sql`CREATE UNIQUE INDEX refresh_tokens_unspent ON registry.refresh_tokens (session_id) WHERE spent_at IS NULL`.execute(
    db,
  )
  // What is counted is a hash: neither addresses nor names that somebody tried are kept.
  await sql`
    CREATE TABLE registry.sign_in_attempts (
      subject_hash bytea PRIMARY KEY CHECK (octet_length(subject_hash) = 32),
      failures integer NOT NULL CHECK (failures >= 0),
      last_at timestamptz(3) NOT NULL,
      blocked_until timestamptz(3) NOT NULL
    )`.execute(db)
  await sql`CREATE INDEX sign_in_attempts_last ON registry.sign_in_attempts (last_at)`.execute(db)
}

async function makeAuditLog(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE TABLE registry.audit_log (
      entry_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
      -- Whose matter it is. NULL: it concerns the installation.
      ledger_id uuid REFERENCES registry.ledgers,
      actor text NOT NULL CHECK (actor ~ '^(key|person|command):.'),
      action text NOT NULL CHECK (action ~ '^[a-z_]+[.][a-z_]+$'),
      subject text,
      before jsonb,
      after jsonb,
      request_id text,
      address inet
    )`.execute(db)
  await sql`CREATE INDEX audit_log_ledger ON registry.audit_log (ledger_id, entry_id)`.execute(db)
  await sql`
    CREATE FUNCTION registry.refuse_audit_change() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
    BEGIN
      RAISE EXCEPTION 'the audit log is append-only: % is refused', TG_OP USING ERRCODE = 'insufficient_privilege';
    END $$`.execute(db)
  await sql`
    CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON registry.audit_log
      FOR EACH STATEMENT EXECUTE FUNCTION registry.refuse_audit_change()`.execute(db)
}
