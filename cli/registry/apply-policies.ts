import { type Kysely, sql } from "kysely"
import type { Database } from "../../ledger/store/database.ts"
import type { Configuration } from "../../platform/config/load-configuration.ts"

/** When checkpoints and anchors are due, how long holds last, what imports may be, how much each key may ask for, and where webhooks may go. */
export async function applyPolicies(db: Kysely<Database>, configuration: Configuration): Promise<void> {
  await applyAuditPolicy(db, configuration)
  await applyHoldPolicy(db, configuration)
  await applyImportPolicy(db, configuration)
  await applyRateLimit(db, configuration)
  await applyWebhookPolicy(db, configuration)
}

async function applyAuditPolicy(db: Kysely<Database>, { sync }: Configuration): Promise<void> {
  const row = {
    events: BigInt(sync.audit.checkpoint_events),
    interval_ms: BigInt(sync.audit.checkpoint_interval),
  }
  await db
    .insertInto("registry.checkpoint_policy")
    .values(row)
    .onConflict((conflict) => conflict.column("is_only_row").doUpdateSet(row))
    .execute()
  const { anchor_chain_id: chainId, anchor_interval: interval } = sync.audit
  const anchors = { chain_id: chainId === null ? null : BigInt(chainId), interval_ms: BigInt(interval) }
  await db
    .insertInto("registry.anchor_policy")
    .values(anchors)
    .onConflict((conflict) => conflict.column("is_only_row").doUpdateSet(anchors))
    .execute()
}

async function applyImportPolicy(db: Kysely<Database>, { sync }: Configuration): Promise<void> {
  const row = { ...sync.imports, body_bytes_max: BigInt(sync.imports.body_bytes_max) }
  await db
    .insertInto("registry.import_policy")
    .values(row)
    .onConflict((conflict) => conflict.column("is_only_row").doUpdateSet(row))
    .execute()
}

async function applyRateLimit(db: Kysely<Database>, { sync }: Configuration): Promise<void> {
  const { enabled, requests_per_second, burst } = sync.rate_limit
  const row = enabled ? { requests_per_second, burst } : { requests_per_second: null, burst: null }
  await db
    .insertInto("registry.rate_limit_policy")
    .values(row)
    .onConflict((conflict) => conflict.column("is_only_row").doUpdateSet(row))
    .execute()
}

async function applyHoldPolicy(db: Kysely<Database>, { sync }: Configuration): Promise<void> {
  const { default_expiry: byDefault, max_expiry: most } = sync.holds
  await sql`
    INSERT INTO registry.hold_policy (default_expiry_ms, max_expiry_ms) VALUES (${byDefault}, ${most})
    ON CONFLICT (is_only_row) DO UPDATE SET default_expiry_ms = excluded.default_expiry_ms, max_expiry_ms = excluded.max_expiry_ms`.execute(
    db,
  )
}

async function applyWebhookPolicy(db: Kysely<Database>, { sync }: Configuration): Promise<void> {
  const { allow_http, allowed_targets, disable_after, log_kept } = sync.webhooks
  const row = {
    ...{ allow_http, allowed_targets },
    disable_after_ms: BigInt(disable_after),
    log_kept_ms: BigInt(log_kept),
  }
  await db
    .insertInto("registry.webhook_policy")
    .values(row)
    .onConflict((conflict) => conflict.column("is_only_row").doUpdateSet(row))
    .execute()
}
