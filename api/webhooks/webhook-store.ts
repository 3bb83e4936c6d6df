import { randomUUID } from "node:crypto"
import { type Kysely, sql, type Transaction } from "kysely"
import type { ActionName, Initiator } from "../../ledger/domain/operator-action.ts"
import { clearAlarm } from "../../ledger/store/alarms.ts"
import { webhooksChangedChannel } from "../../ledger/store/channels.ts"
import type { Database } from "../../ledger/store/database.ts"
import { recordAction } from "../../ledger/store/record-action.ts"
import type { DeliveryStatus, WebhookEnd } from "../../ledger/store/webhook-tables.ts"
import type { SecretBox } from "../../platform/secret-box.ts"
import type { LiveType } from "../presenters/live-event.ts"
import { addSecret, replaceSecret } from "./webhook-secrets.ts"

/** What a webhook's owner decides. */
export type WebhookSettingsOf = {
  readonly url: string
  readonly description: string
  readonly types: readonly LiveType[] | null
  readonly userId: string | null
  readonly tokenSymbol: string | null
  readonly chainId: number | null
  readonly isEnabled: boolean
}

export type WebhookRow = {
  readonly endpoint_id: string
  readonly ordinal: bigint
  readonly url: string
  readonly description: string
  readonly types: readonly string[] | null
  readonly user_id: string | null
  readonly token_symbol: string | null
  readonly chain_id: bigint | null
  readonly is_enabled: boolean
  readonly disabled_because: WebhookEnd | null
  readonly disabled_at: Date | null
  readonly cursor_position: bigint
  readonly head: bigint
  /** Recorded when, the oldest event behind the cursor; null: there is none. */
  readonly undelivered_since: Date | null
  readonly next_attempt_at: Date | null
  readonly failing_since: Date | null
  readonly dead_letters: bigint
  readonly created_at: Date
  readonly secrets: readonly { readonly created_at: string; readonly expires_at: string | null }[]
}

type Handle = Kysely<Database> | Transaction<Database>
/** Whose, and who acts. */
export type WebhookActor = { readonly ledgerId: string; readonly initiator: Initiator }

export async function readWebhooks(
  db: Handle,
  ledgerId: string,
  only: { readonly endpointId?: string; readonly before?: bigint | null; readonly limit: number },
): Promise<readonly WebhookRow[]> {
  const { endpointId, before = null, limit } = only
  const { rows } = await sql<WebhookRow>`
    SELECT e.*, h.position AS head,
      (SELECT v.recorded_at FROM ledger.event_log v WHERE v.ledger_id = e.ledger_id AND v.position = e.cursor_position + 1) AS undelivered_since,
      (SELECT count(*) FROM webhooks.deliveries d WHERE d.endpoint_id = e.endpoint_id AND d.status = 'dead') AS dead_letters,
      (SELECT coalesce(json_agg(json_build_object('created_at', s.created_at, 'expires_at', s.expires_at) ORDER BY s.created_at DESC), '[]')
        FROM webhooks.secrets s WHERE s.endpoint_id = e.endpoint_id AND (s.expires_at IS NULL OR s.expires_at > now())) AS secrets
    FROM webhooks.endpoints e JOIN ledger.head h ON h.ledger_id = e.ledger_id
    WHERE e.ledger_id = ${ledgerId} AND e.deleted_at IS NULL
      ${endpointId === undefined ? sql`` : sql`AND e.endpoint_id = ${endpointId}`}
      ${before === null ? sql`` : sql`AND e.ordinal < ${before}`}
    ORDER BY e.ordinal DESC LIMIT ${limit}`.execute(db)
  return rows
}

/** Holds a webhook of the app against everybody else who changes it. */
async function lockWebhook(trx: Transaction<Database>, ledgerId: string, endpointId: string) {
  const { rows } = await sql<WebhookRow>`
    SELECT * FROM webhooks.endpoints
    WHERE endpoint_id = ${endpointId} AND ledger_id = ${ledgerId} AND deleted_at IS NULL FOR UPDATE`.execute(
    trx,
  )
  return rows[0]
}

async function tellWorkers(trx: Transaction<Database>, ledgerId: string): Promise<void> {
  await sql`SELECT pg_notify(${webhooksChangedChannel}, ${ledgerId})`.execute(trx)
}

function describe(row: WebhookRow): Readonly<Record<string, unknown>> {
  const { url, description, types, user_id, token_symbol, chain_id, is_enabled } = row
  return { url, description, types, user_id, token_symbol, chain_id, is_enabled }
}

async function record(
  trx: Transaction<Database>,
  { ledgerId, initiator }: WebhookActor,
  action: ActionName,
  subject: string,
  change: { readonly before?: object | null; readonly after?: object | null } = {},
): Promise<void> {
  const { before = null, after = null } = change as Record<string, Readonly<Record<string, unknown>> | null>
  await recordAction(trx, { ...initiator, ledgerId, action, subject, before, after })
}

async function readOne(
  trx: Transaction<Database>,
  ledgerId: string,
  endpointId: string,
): Promise<WebhookRow> {
  const [row] = await readWebhooks(trx, ledgerId, { endpointId, limit: 1 })
  if (row === undefined) throw new TypeError(`webhook ${endpointId} went away in its own transaction`)
  return row
}

/** @param after what happened up to here is not delivered; null: what happens from now on is */
export async function createWebhook(
  db: Kysely<Database>,
  box: SecretBox,
  actor: WebhookActor,
  settings: WebhookSettingsOf,
  options: { readonly after: bigint | null; readonly webhooksMax: number },
): Promise<{ readonly row: WebhookRow; readonly secret: string } | "too many"> {
  const { ledgerId, initiator } = actor
  const endpointId = randomUUID()
  return db.transaction().execute(async (trx) => {
    // Two that are made at once count each other.
    await sql`SELECT pg_advisory_xact_lock(hashtextextended('webhooks:' || ${ledgerId}, 0))`.execute(trx)
    const { rows } = await sql<{ made: bigint }>`
      SELECT count(*) AS made FROM webhooks.endpoints WHERE ledger_id = ${ledgerId} AND deleted_at IS NULL`.execute(
      trx,
    )
    if (Number(rows[0]?.made) >= options.webhooksMax) return "too many"
    const { url, description, types, userId, tokenSymbol, chainId, isEnabled } = settings
    await sql`
      INSERT INTO webhooks.endpoints (endpoint_id, ledger_id, url, description, types, user_id, token_symbol, chain_id,
        is_enabled, disabled_because, disabled_at, cursor_position, created_by)
      SELECT ${endpointId}, ${ledgerId}, ${url}, ${description}, ${types}, ${userId}, ${tokenSymbol}, ${chainId}::bigint, ${isEnabled}::boolean,
        CASE WHEN ${isEnabled}::boolean THEN NULL ELSE 'request' END, CASE WHEN ${isEnabled}::boolean THEN NULL ELSE now() END,
        coalesce(${options.after}::bigint, h.position), ${initiator.actor}
      FROM ledger.head h WHERE h.ledger_id = ${ledgerId}`.execute(trx)
    const secret = await addSecret(trx, box, endpointId)
    const row = await readOne(trx, ledgerId, endpointId)
    await record(trx, actor, "webhook.created", endpointId, { after: describe(row) })
    await tellWorkers(trx, ledgerId)
    return { row, secret }
  })
}

/** Changes what is named. Enabling or moving a webhook has what waits delivered at once. */
export async function changeWebhook(
  db: Kysely<Database>,
  actor: WebhookActor,
  endpointId: string,
  change: Partial<WebhookSettingsOf>,
): Promise<WebhookRow | undefined> {
  const { ledgerId } = actor
  return db.transaction().execute(async (trx) => {
    const was = await lockWebhook(trx, ledgerId, endpointId)
    if (was === undefined) return undefined
    const { url, description, types, userId, tokenSymbol, chainId, isEnabled } = change
    const isEnabledNow = isEnabled === true && !was.is_enabled
    const isDisabledNow = isEnabled === false && was.is_enabled
    const isTriedAtOnce = isEnabledNow || (url !== undefined && url !== was.url)
    await sql`
      UPDATE webhooks.endpoints SET version = version + 1, changed_at = now()
        ${url === undefined ? sql`` : sql`, url = ${url}`}
        ${description === undefined ? sql`` : sql`, description = ${description}`}
        ${types === undefined ? sql`` : sql`, types = ${types}`}
        ${userId === undefined ? sql`` : sql`, user_id = ${userId}`}
        ${tokenSymbol === undefined ? sql`` : sql`, token_symbol = ${tokenSymbol}`}
        ${chainId === undefined ? sql`` : sql`, chain_id = ${chainId}::bigint`}
        ${isDisabledNow ? sql`, is_enabled = false, disabled_because = 'request', disabled_at = now()` : sql``}
        ${isEnabledNow ? sql`, is_enabled = true, disabled_because = NULL, disabled_at = NULL, failing_since = NULL` : sql``}
        ${isTriedAtOnce ? sql`, next_attempt_at = NULL` : sql``}
      WHERE endpoint_id = ${endpointId}`.execute(trx)
    // Another receiver, or one that somebody has looked after, has all its attempts.
    if (isTriedAtOnce)
      await sql`UPDATE webhooks.deliveries SET retries = 0 WHERE endpoint_id = ${endpointId} AND status = 'retrying'`.execute(
        trx,
      )
    if (isEnabledNow) await clearAlarm(trx, "webhook_disabled", endpointId)
    if (isDisabledNow) await clearAlarm(trx, "webhook_failing", endpointId)
    const row = await readOne(trx, ledgerId, endpointId)
    await record(trx, actor, "webhook.changed", endpointId, { before: describe(was), after: describe(row) })
    await tellWorkers(trx, ledgerId)
    return row
  })
}

/** Nothing is delivered from then on, and its secrets are gone. */
export async function deleteWebhook(
  db: Kysely<Database>,
  actor: WebhookActor,
  endpointId: string,
): Promise<boolean> {
  return db.transaction().execute(async (trx) => {
    const was = await lockWebhook(trx, actor.ledgerId, endpointId)
    if (was === undefined) return false
    await sql`
      UPDATE webhooks.endpoints SET deleted_at = now(), is_enabled = false, disabled_at = coalesce(disabled_at, now()),
        disabled_because = coalesce(disabled_because, 'request'), next_attempt_at = NULL, version = version + 1,
        lease_token = lease_token + 1, leased_until = NULL
      WHERE endpoint_id = ${endpointId}`.execute(trx)
    await sql`DELETE FROM webhooks.secrets WHERE endpoint_id = ${endpointId}`.execute(trx)
    await clearAlarm(trx, "webhook_failing", endpointId)
    await clearAlarm(trx, "webhook_disabled", endpointId)
    await record(trx, actor, "webhook.deleted", endpointId, { before: describe(was) })
    return true
  })
}

export async function rotateWebhookSecret(
  db: Kysely<Database>,
  box: SecretBox,
  actor: WebhookActor,
  endpointId: string,
  overlapMs: number,
): Promise<{ readonly row: WebhookRow; readonly secret: string; readonly overlapEndsAt: Date } | undefined> {
  return db.transaction().execute(async (trx) => {
    const was = await lockWebhook(trx, actor.ledgerId, endpointId)
    if (was === undefined) return undefined
    const made = await replaceSecret(trx, box, endpointId, overlapMs)
    await sql`UPDATE webhooks.endpoints SET version = version + 1 WHERE endpoint_id = ${endpointId}`.execute(
      trx,
    )
    const overlap_ends_at = made.overlapEndsAt.toISOString()
    await record(trx, actor, "webhook.secret_rotated", endpointId, { after: { overlap_ends_at } })
    return { row: await readOne(trx, actor.ledgerId, endpointId), ...made }
  })
}

/** Asks for a message that no event stands behind. @returns the delivery's id */
export async function requestTest(
  db: Kysely<Database>,
  actor: WebhookActor,
  endpointId: string,
): Promise<bigint | "unknown" | "disabled"> {
  return db.transaction().execute(async (trx) => {
    const was = await lockWebhook(trx, actor.ledgerId, endpointId)
    if (was === undefined) return "unknown"
    if (!was.is_enabled) return "disabled"
    const { rows } = await sql<{ delivery_id: bigint }>`
      INSERT INTO webhooks.deliveries (endpoint_id, type, status, attempts, redelivery_requested_at)
      VALUES (${endpointId}, 'webhook.test', 'waiting', 0, now()) RETURNING delivery_id`.execute(trx)
    await record(trx, actor, "webhook.test_requested", endpointId)
    await tellWorkers(trx, actor.ledgerId)
    return rows[0]?.delivery_id ?? "unknown"
  })
}

/** Asks for one more attempt of a delivery that has ended. One that is retried has its attempt at once. */
export async function requestRedelivery(
  db: Kysely<Database>,
  actor: WebhookActor,
  endpointId: string,
  deliveryId: bigint,
): Promise<"requested" | "unknown" | "unknown delivery" | "disabled"> {
  return db.transaction().execute(async (trx) => {
    const was = await lockWebhook(trx, actor.ledgerId, endpointId)
    if (was === undefined) return "unknown"
    const { rows } = await sql<{ status: DeliveryStatus; position: bigint | null }>`
      SELECT status, position FROM webhooks.deliveries
      WHERE endpoint_id = ${endpointId} AND delivery_id = ${deliveryId} FOR UPDATE`.execute(trx)
    const [found] = rows
    if (found === undefined) return "unknown delivery"
    if (!was.is_enabled) return "disabled"
    if (found.status === "retrying")
      await sql`UPDATE webhooks.endpoints SET next_attempt_at = NULL WHERE endpoint_id = ${endpointId}`.execute(
        trx,
      )
    else
      await sql`
        UPDATE webhooks.deliveries SET redelivery_requested_at = coalesce(redelivery_requested_at, now())
        WHERE delivery_id = ${deliveryId}`.execute(trx)
    const after = { delivery_id: deliveryId, position: found.position, status: found.status }
    await record(trx, actor, "webhook.redelivery_requested", endpointId, { after })
    await tellWorkers(trx, actor.ledgerId)
    return "requested"
  })
}

/** Has everything behind a position delivered again, in its order. */
export async function replayWebhook(
  db: Kysely<Database>,
  actor: WebhookActor,
  endpointId: string,
  after: bigint,
): Promise<WebhookRow | "unknown" | { readonly cursor: bigint }> {
  return db.transaction().execute(async (trx) => {
    const was = await lockWebhook(trx, actor.ledgerId, endpointId)
    if (was === undefined) return "unknown"
    if (after > was.cursor_position) return { cursor: was.cursor_position }
    // What is retried now comes again in its turn.
    await sql`
      UPDATE webhooks.deliveries SET status = 'dead', settled_at = now()
      WHERE endpoint_id = ${endpointId} AND status = 'retrying'`.execute(trx)
    await sql`
      UPDATE webhooks.endpoints SET cursor_position = ${after}, next_attempt_at = NULL, version = version + 1,
        lease_token = lease_token + 1, leased_until = NULL
      WHERE endpoint_id = ${endpointId}`.execute(trx)
    const change = { before: { position: was.cursor_position }, after: { position: after } }
    await record(trx, actor, "webhook.replayed", endpointId, change)
    await tellWorkers(trx, actor.ledgerId)
    return readOne(trx, actor.ledgerId, endpointId)
  })
}
