import { type Kysely, sql } from "kysely"

/**
 * Every change of a chain, a token, its strategy, a reason or a key's limit leaves a version and an entry in the audit log, whoever makes it and by whatever way: triggers write both. Who and why they take from
 * settings of the transaction; without them it was somebody at the database.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const table of ["chains", "tokens", "reasons"])
    await sql`ALTER TABLE ${sql.table(`registry.${table}`)} ADD COLUMN is_retired boolean NOT NULL DEFAULT false`.execute(
      db,
    )
  await makeTables(db)
  await makeDocuments(db)
  await keepVersions(db)
  await keepWhatIsFixed(db)
  await refuseTruncate(db)
  await takeOver(db)
  await sql`GRANT SELECT ON registry.versions TO chainbridge_app`.execute(db)
  await sql`GRANT SELECT, INSERT, UPDATE ON registry.applied_documents TO chainbridge_app`.execute(db)
}

async function makeTables(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE TABLE registry.versions (
      kind text NOT NULL CHECK (kind IN ('chain', 'token', 'strategy', 'reason', 'rate_limit')),
      -- chain id · chain id:symbol of tokens and strategies · reason type · key id
      entry_id text NOT NULL,
      version integer NOT NULL CHECK (version > 0),
      at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
      actor text NOT NULL,
      reason text,
      request_id text,
      -- The version whose document this one has again.
      rolled_back_to integer CHECK (rolled_back_to BETWEEN 1 AND version - 1),
      -- NULL: there is no such entry any more.
      document jsonb,
      PRIMARY KEY (kind, entry_id, version)
    )`.execute(db)
  // What the files said when they were applied last: what differs from it was changed since by somebody else.
  await sql`
    CREATE TABLE registry.applied_documents (
      kind text NOT NULL,
      entry_id text NOT NULL,
      document jsonb NOT NULL,
      applied_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
      PRIMARY KEY (kind, entry_id)
    )`.execute(db)
  await sql`
    CREATE FUNCTION registry.refuse_version_change() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
    BEGIN
      RAISE EXCEPTION 'versions of the registry are append-only: % is refused', TG_OP USING ERRCODE = 'insufficient_privilege';
    END $$`.execute(db)
  await sql`
    CREATE TRIGGER versions_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON registry.versions
      FOR EACH STATEMENT EXECUTE FUNCTION registry.refuse_version_change()`.execute(db)
  await sql`
    ALTER TABLE registry.audit_log DROP CONSTRAINT audit_log_actor_check,
      ADD CONSTRAINT audit_log_actor_check CHECK (actor ~ '^(key|person|command|database):.')`.execute(db)
}

/** Amounts are text: a number of JSON would lose digits. */
async function makeDocuments(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE FUNCTION registry.document_of(entry registry.chains) RETURNS jsonb
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
      SELECT to_jsonb(entry) - 'created_at' || jsonb_build_object('max_fee_per_gas', entry.max_fee_per_gas::text)
    $$`.execute(db)
  await sql`
    CREATE FUNCTION registry.document_of(entry registry.tokens) RETURNS jsonb
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
      SELECT to_jsonb(entry) - '{token_id,created_at,strategy}'::text[] || jsonb_build_object('drift_threshold', entry.drift_threshold::text)
    $$`.execute(db)
  await sql`
    CREATE FUNCTION registry.document_of(entry registry.reasons) RETURNS jsonb
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$ SELECT to_jsonb(entry) $$`.execute(db)
  await sql`
    CREATE FUNCTION registry.document_of(entry registry.key_rate_limits) RETURNS jsonb
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$ SELECT to_jsonb(entry) - 'key_id' $$`.execute(
    db,
  )
}

async function keepVersions(db: Kysely<unknown>): Promise<void> {
  // In the owner's name: nobody else may write a version, so none is without its change.
  await sql`
    CREATE FUNCTION registry.keep_version(kind text, entry_id text, document jsonb) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    DECLARE
      last registry.versions%ROWTYPE;
      actor text := coalesce(nullif(current_setting('chainbridge.actor', true), ''), 'database:' || session_user);
      request_id text := nullif(current_setting('chainbridge.request_id', true), '');
      whose uuid;
    BEGIN
      SELECT v.* INTO last FROM registry.versions v
        WHERE v.kind = keep_version.kind AND v.entry_id = keep_version.entry_id ORDER BY v.version DESC LIMIT 1;
      IF last.document IS NOT DISTINCT FROM keep_version.document THEN RETURN; END IF;
      INSERT INTO registry.versions (kind, entry_id, version, actor, reason, request_id, rolled_back_to, document)
        VALUES (keep_version.kind, keep_version.entry_id, coalesce(last.version, 0) + 1, actor,
          nullif(current_setting('chainbridge.reason', true), ''), request_id,
          nullif(current_setting('chainbridge.rolled_back_to', true), '')::integer, keep_version.document);
      IF keep_version.kind = 'rate_limit' THEN
        SELECT a.ledger_id INTO whose FROM registry.api_keys k JOIN registry.apps a ON a.app_id = k.app_id
          WHERE k.key_id = keep_version.entry_id::uuid;
      END IF;
      INSERT INTO registry.audit_log (ledger_id, actor, action, subject, before, after, request_id, address)
        VALUES (whose, actor,
          CASE WHEN keep_version.kind = 'rate_limit' THEN 'key.rate_limit_changed'
            WHEN last.document IS NULL THEN keep_version.kind || '.created'
            WHEN keep_version.document IS NULL THEN keep_version.kind || '.removed'
            ELSE keep_version.kind || '.changed' END,
          CASE keep_version.kind WHEN 'rate_limit' THEN 'key' ELSE keep_version.kind END || ':' || keep_version.entry_id,
          last.document, keep_version.document, request_id, nullif(current_setting('chainbridge.address', true), '')::inet);
      PERFORM pg_notify('registry_changed', '');
    END $$`.execute(db)
  await sql`REVOKE ALL ON FUNCTION registry.keep_version FROM PUBLIC`.execute(db)
  await keepVersionsOf(db, "chains", sql`PERFORM registry.keep_version('chain', e.chain_id::text, d);`)
  await keepVersionsOf(db, "reasons", sql`PERFORM registry.keep_version('reason', e.reason_type, d);`)
  await keepVersionsOf(
    db,
    "key_rate_limits",
    sql`PERFORM registry.keep_version('rate_limit', e.key_id::text, d);`,
  )
  await keepVersionsOf(
    db,
    "tokens",
    sql`
      PERFORM registry.keep_version('token', e.chain_id || ':' || e.symbol, d);
      PERFORM registry.keep_version('strategy', e.chain_id || ':' || e.symbol, CASE WHEN d IS NOT NULL THEN e.strategy END);`,
  )
}

async function keepVersionsOf(
  db: Kysely<unknown>,
  table: string,
  keep: ReturnType<typeof sql>,
): Promise<void> {
  const entries = sql.table(`registry.${table}`)
  const name = sql.raw(`registry.keep_${table}_version`)
  await sql`
    CREATE FUNCTION ${name}() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    DECLARE
      e ${entries}%ROWTYPE;
      d jsonb;
    BEGIN
      IF TG_OP = 'DELETE' THEN
        e := OLD;
      ELSE
        e := NEW;
        d := registry.document_of(e);
      END IF;
      ${keep}
      RETURN NULL;
    END $$`.execute(db)
  await sql`
    CREATE TRIGGER keep_version AFTER INSERT OR UPDATE OR DELETE ON ${entries}
      FOR EACH ROW EXECUTE FUNCTION ${name}()`.execute(db)
}

/** What events, batches and addresses were made with: with another one they would mean something else. */
async function keepWhatIsFixed(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE FUNCTION registry.refuse_fixed_change() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
    BEGIN
      RAISE EXCEPTION '% in % are fixed: %', TG_OP, TG_TABLE_NAME, TG_ARGV[0] USING ERRCODE = 'check_violation';
    END $$`.execute(db)
  await sql`
    CREATE TRIGGER keep_fixed BEFORE UPDATE ON registry.tokens FOR EACH ROW
      WHEN ((OLD.chain_id, OLD.token_address, OLD.symbol, OLD.decimals) IS DISTINCT FROM (NEW.chain_id, NEW.token_address, NEW.symbol, NEW.decimals))
      EXECUTE FUNCTION registry.refuse_fixed_change('chain, address, symbol and decimals')`.execute(db)
  await sql`
    CREATE TRIGGER keep_fixed BEFORE UPDATE ON registry.chains FOR EACH ROW
      WHEN ((OLD.chain_id, OLD.genesis_hash, OLD.wallet_manager, OLD.wallet_init_code_hash)
        IS DISTINCT FROM (NEW.chain_id, NEW.genesis_hash, NEW.wallet_manager, NEW.wallet_init_code_hash))
      EXECUTE FUNCTION registry.refuse_fixed_change('chain id, first block and the factory of wallets')`.execute(
    db,
  )
  await sql`
    CREATE TRIGGER keep_reason BEFORE DELETE ON registry.reasons FOR EACH ROW
      EXECUTE FUNCTION registry.refuse_fixed_change('events name their reason, so it is retired and never removed')`.execute(
    db,
  )
  await sql`
    CREATE TRIGGER keep_reason_type BEFORE UPDATE ON registry.reasons FOR EACH ROW WHEN (OLD.reason_type <> NEW.reason_type)
      EXECUTE FUNCTION registry.refuse_fixed_change('events name their reason')`.execute(db)
}

/** Rows that go without a trigger of their own would go without a version. */
async function refuseTruncate(db: Kysely<unknown>): Promise<void> {
  for (const table of ["chains", "tokens", "reasons", "key_rate_limits"])
    await sql`
      CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON ${sql.id("registry", table)} FOR EACH STATEMENT
        EXECUTE FUNCTION registry.refuse_fixed_change('every change of a row is kept as a version')`.execute(
      db,
    )
}

/** What is there has its first version, and came from the files. */
async function takeOver(db: Kysely<unknown>): Promise<void> {
  for (const [kind, id, document, table] of [
    ["chain", sql`e.chain_id::text`, sql`registry.document_of(e)`, "chains"],
    ["token", sql`e.chain_id || ':' || e.symbol`, sql`registry.document_of(e)`, "tokens"],
    ["strategy", sql`e.chain_id || ':' || e.symbol`, sql`e.strategy`, "tokens"],
    ["reason", sql`e.reason_type`, sql`registry.document_of(e)`, "reasons"],
    ["rate_limit", sql`e.key_id::text`, sql`registry.document_of(e)`, "key_rate_limits"],
  ] as const) {
    await sql`
      INSERT INTO registry.versions (kind, entry_id, version, actor, reason, document)
      SELECT ${kind}, ${id}, 1, 'command:migrate', 'was there before versions were kept', ${document} FROM ${sql.table(`registry.${table}`)} e`.execute(
      db,
    )
  }
  await sql`
    INSERT INTO registry.applied_documents (kind, entry_id, document)
    SELECT kind, entry_id, document FROM registry.versions WHERE kind <> 'rate_limit'`.execute(db)
}
