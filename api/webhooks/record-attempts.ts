import { type Kysely, sql, type Transaction } from "kysely"
import { clearAlarm, raiseAlarm } from "../../ledger/store/alarms.ts"
import type { Database } from "../../ledger/store/database.ts"
import { type LeasedEndpoint, type LeaseKey, releaseLease } from "./endpoint-lease.ts"
import type { Attempt } from "./send-webhook.ts"

export type Sent = { readonly position: bigint; readonly type: string; readonly attempt: Attempt }

/** Somebody else delivers by now, or the endpoint was deleted: whatever was sent is sent again. */
export class LeaseLostError extends Error {}

/**
 * Records what was delivered together with how far the endpoint has got: both or neither. Dying before it means that all of it is sent again, with the same ids.
 * @param options.cursor everything up to here is delivered or not for this endpoint
 * @returns whether the settings are those that the lease was taken with
 * @throws LeaseLostError when the lease is over; then nothing is recorded
 */
export async function recordDelivered(
  db: Kysely<Database>,
  lease: LeaseKey,
  options: {
    readonly from: bigint
    readonly cursor: bigint
    readonly sent: readonly Sent[]
    readonly isSlow: boolean
    readonly leaseMs: number
  },
): Promise<boolean> {
  const { from, cursor, sent, isSlow, leaseMs } = options
  return db.transaction().execute(async (trx) => {
    const isUnchanged = await lockEndpoint(trx, lease, from)
    if (sent.length > 0) await insertSettled(trx, lease, sent)
    const { rows } = await sql<{ wasFailing: boolean }>`
      UPDATE webhooks.endpoints e SET cursor_position = ${cursor}, next_attempt_at = NULL,
        ${sent.length > 0 ? sql`failing_since = NULL, is_slow = ${isSlow},` : sql``}
        leased_until = clock_timestamp() + ${leaseMs} * interval '1 millisecond'
      FROM webhooks.endpoints was
      WHERE e.endpoint_id = ${lease.endpointId} AND was.endpoint_id = e.endpoint_id
      RETURNING was.failing_since IS NOT NULL AS "wasFailing"`.execute(trx)
    const [row] = rows
    if (row === undefined) throw new LeaseLostError()
    if (row.wasFailing && sent.length > 0) await clearAlarm(trx, "webhook_failing", lease.endpointId)
    return isUnchanged
  })
}

/** What follows from an attempt that has failed. */
export type Failure =
  | { readonly outcome: "retry"; readonly delayMs: number }
  | { readonly outcome: "dead"; readonly isDisabled: boolean }
  /** The receiver wants no more. The message waits for somebody to enable the endpoint again. */
  | { readonly outcome: "gone" }

/**
 * Records a failed attempt and gives the endpoint back, in one transaction. Where the settings were changed meanwhile the attempt says nothing about those of now: it stands in the log, and has no consequence.
 * @throws LeaseLostError
 */
export async function recordFailure(
  db: Kysely<Database>,
  endpoint: LeasedEndpoint,
  from: bigint,
  { position, type, attempt }: Sent,
  failure: Failure,
): Promise<void> {
  await db.transaction().execute(async (trx) => {
    const isCounted = await lockEndpoint(trx, endpoint, from)
    const counted = isCounted ? 1 : 0
    const status = isCounted && failure.outcome === "dead" ? "dead" : "retrying"
    await sql`
      WITH delivery AS (
        INSERT INTO webhooks.deliveries AS d (endpoint_id, position, type, status, attempts, retries, settled_at)
        VALUES (${endpoint.endpointId}, ${position}, ${type}, ${status}, 1, ${counted}, ${status === "dead" ? sql`now()` : null})
        ON CONFLICT (endpoint_id, position) DO UPDATE SET status = excluded.status, attempts = d.attempts + 1,
          retries = CASE WHEN d.status = 'retrying' THEN d.retries ELSE 0 END + ${counted}, settled_at = excluded.settled_at,
          redelivery_requested_at = NULL
        RETURNING delivery_id, attempts
      )
      INSERT INTO webhooks.attempts (delivery_id, attempt, began_at, duration_ms, response_status, error, excerpt, is_requested)
      SELECT delivery_id, attempts, ${attempt.beganAt}, ${attempt.durationMs}, ${attempt.status}, ${attempt.error}, ${attempt.excerpt}, false
      FROM delivery`.execute(trx)
    if (!isCounted) return void (await releaseLease(trx, endpoint))
    await sql`
      UPDATE webhooks.endpoints e SET leased_until = NULL, is_slow = true, failing_since = ${failingSince(position)},
        ${afterFailure(failure, position)}
      WHERE e.endpoint_id = ${endpoint.endpointId}`.execute(trx)
    await tell(trx, endpoint, failure, attempt)
  })
}

/** Where only we have failed before, the time until now does not count against the receiver. */
function failingSince(position: bigint) {
  return sql`CASE WHEN EXISTS (
      SELECT FROM webhooks.deliveries d WHERE d.endpoint_id = e.endpoint_id AND d.position = ${position} AND d.retries > 1)
    OR EXISTS (
      SELECT FROM webhooks.deliveries d WHERE d.endpoint_id = e.endpoint_id AND d.status = 'dead' AND d.position <> ${position}
        AND d.settled_at >= e.failing_since)
    THEN coalesce(e.failing_since, now()) ELSE now() END`
}

function afterFailure(failure: Failure, position: bigint) {
  switch (failure.outcome) {
    case "retry":
      return sql`next_attempt_at = now() + ${failure.delayMs} * interval '1 millisecond'`
    case "gone":
      return sql`next_attempt_at = NULL, ${disabled("gone")}`
    case "dead":
      return sql`next_attempt_at = NULL, cursor_position = ${position} ${failure.isDisabled ? sql`, ${disabled("failing")}` : sql``}`
  }
}

const disabled = (because: "gone" | "failing") =>
  sql`is_enabled = false, disabled_at = now(), disabled_because = ${because}, version = version + 1`

async function tell(
  trx: Transaction<Database>,
  { endpointId, ledgerId, url }: LeasedEndpoint,
  failure: Failure,
  attempt: Attempt,
): Promise<void> {
  const { host } = new URL(url)
  const last = attempt.status === null ? attempt.excerpt : `status ${attempt.status}`
  const raise = (kind: "webhook_failing" | "webhook_disabled", message: string) =>
    raiseAlarm(trx, { kind, subject: endpointId, ledgerId, message: `${message}; last: ${last}` })
  switch (failure.outcome) {
    case "retry":
      return
    case "gone":
      await clearAlarm(trx, "webhook_failing", endpointId)
      return raise("webhook_disabled", `${host} answered 410: nothing is sent until the webhook is enabled`)
    case "dead":
      if (!failure.isDisabled) return raise("webhook_failing", `messages for ${host} go to the dead letters`)
      await clearAlarm(trx, "webhook_failing", endpointId)
      return raise(
        "webhook_disabled",
        `${host} has only failed for too long: nothing is sent until the webhook is enabled`,
      )
  }
}

/**
 * Ends a delivery that is retried and that the settings do not want.
 * @returns whether they are still those that the lease was taken with; otherwise nothing is done
 * @throws LeaseLostError
 */
export function dropRetried(db: Kysely<Database>, lease: LeaseKey, position: bigint): Promise<boolean> {
  return db.transaction().execute(async (trx) => {
    if (!(await lockEndpoint(trx, lease, null))) return false
    await sql`
      UPDATE webhooks.deliveries SET status = 'dead', settled_at = now()
      WHERE endpoint_id = ${lease.endpointId} AND position = ${position} AND status = 'retrying'`.execute(trx)
    return true
  })
}

/** A delivery that somebody asked for. */
export type RequestedDelivery = {
  readonly deliveryId: bigint
  /** null: a test. */
  readonly position: bigint | null
}

export async function findRequested(
  db: Kysely<Database>,
  endpointId: string,
  limit: number,
): Promise<readonly RequestedDelivery[]> {
  const { rows } = await sql<RequestedDelivery>`
    SELECT delivery_id AS "deliveryId", position FROM webhooks.deliveries
    WHERE endpoint_id = ${endpointId} AND redelivery_requested_at <= clock_timestamp() ORDER BY delivery_id LIMIT ${limit}`.execute(
    db,
  )
  return rows
}

/** Leaves one that we cannot deliver for later, so that nothing waits for it. */
export async function postponeRequested(
  db: Kysely<Database>,
  { deliveryId }: RequestedDelivery,
  waitMs: number,
): Promise<void> {
  await sql`
    UPDATE webhooks.deliveries SET redelivery_requested_at = clock_timestamp() + ${waitMs} * interval '1 millisecond'
    WHERE delivery_id = ${deliveryId} AND redelivery_requested_at IS NOT NULL`.execute(db)
}

/**
 * Records the one attempt of a delivery that was asked for. Failing, it is what it was before; a test is dead. Where the settings were changed meanwhile a failure leaves it to be sent with those of now.
 * @returns whether the settings are those that it was sent with
 * @throws LeaseLostError
 */
export async function recordRequested(
  db: Kysely<Database>,
  lease: LeaseKey,
  { deliveryId }: RequestedDelivery,
  attempt: Attempt,
): Promise<boolean> {
  const isDelivered = attempt.error === null
  return db.transaction().execute(async (trx) => {
    const isCounted = await lockEndpoint(trx, lease, null)
    const isSettled = isDelivered || isCounted
    await sql`
      WITH delivery AS (
        UPDATE webhooks.deliveries SET attempts = attempts + 1
          ${
            isSettled
              ? sql`, redelivery_requested_at = NULL, settled_at = coalesce(settled_at, now()),
          status = CASE WHEN ${isDelivered} THEN 'succeeded' WHEN status = 'waiting' THEN 'dead' ELSE status END`
              : sql``
          }
        WHERE delivery_id = ${deliveryId} AND redelivery_requested_at IS NOT NULL
        RETURNING delivery_id, attempts
      )
      INSERT INTO webhooks.attempts (delivery_id, attempt, began_at, duration_ms, response_status, error, excerpt, is_requested)
      SELECT delivery_id, attempts, ${attempt.beganAt}, ${attempt.durationMs}, ${attempt.status}, ${attempt.error}, ${attempt.excerpt}, true
      FROM delivery`.execute(trx)
    if (isDelivered) await noteTaken(trx, lease)
    return isCounted
  })
}

/** The receiver takes messages again, unless there is one that it is still to take. */
async function noteTaken(trx: Transaction<Database>, { endpointId }: LeaseKey): Promise<void> {
  const { numAffectedRows } = await sql`
    UPDATE webhooks.endpoints e SET failing_since = NULL WHERE e.endpoint_id = ${endpointId} AND e.failing_since IS NOT NULL
      AND NOT EXISTS (SELECT FROM webhooks.deliveries d WHERE d.endpoint_id = e.endpoint_id AND d.status = 'retrying')`.execute(
    trx,
  )
  if (numAffectedRows === 1n) await clearAlarm(trx, "webhook_failing", endpointId)
}

/** Who records holds the endpoint's row from here to the end of the transaction. @returns whether its settings are those that the lease was taken with */
async function lockEndpoint(
  trx: Transaction<Database>,
  lease: LeaseKey,
  from: bigint | null,
): Promise<boolean> {
  const { rows } = await sql<{ version: number; isEnabled: boolean }>`
    SELECT version, is_enabled AS "isEnabled" FROM webhooks.endpoints
    WHERE endpoint_id = ${lease.endpointId} AND lease_token = ${lease.leaseToken} AND deleted_at IS NULL
      ${from === null ? sql`` : sql`AND cursor_position = ${from}`}
    FOR UPDATE`.execute(trx)
  const [row] = rows
  if (row === undefined) throw new LeaseLostError()
  return row.isEnabled && row.version === lease.version
}

async function insertSettled(
  trx: Transaction<Database>,
  lease: LeaseKey,
  sent: readonly Sent[],
): Promise<void> {
  const rows = sent.map(({ position, type, attempt }) => ({
    position: position.toString(),
    type,
    began_at: attempt.beganAt.toISOString(),
    duration_ms: attempt.durationMs,
    status: attempt.status,
    excerpt: attempt.excerpt,
  }))
  await sql`
    WITH sent AS (
      SELECT * FROM json_to_recordset(${JSON.stringify(rows)}::json)
        AS s(position bigint, type text, began_at timestamptz, duration_ms integer, status smallint, excerpt text)
    ), delivery AS (
      INSERT INTO webhooks.deliveries AS d (endpoint_id, position, type, status, attempts, settled_at)
      SELECT ${lease.endpointId}, position, type, 'succeeded', 1, now() FROM sent ORDER BY position
      ON CONFLICT (endpoint_id, position) DO UPDATE SET status = 'succeeded', attempts = d.attempts + 1, settled_at = now(),
        redelivery_requested_at = NULL
      RETURNING delivery_id, position, attempts
    )
    INSERT INTO webhooks.attempts (delivery_id, attempt, began_at, duration_ms, response_status, excerpt, is_requested)
    SELECT d.delivery_id, d.attempts, s.began_at, s.duration_ms, s.status, s.excerpt, false
    FROM delivery d JOIN sent s USING (position)`.execute(trx)
}
