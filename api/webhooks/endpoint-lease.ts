import { type Kysely, sql, type Transaction } from "kysely"
import type { Database } from "../../ledger/store/database.ts"
import type { LiveType } from "../presenters/live-event.ts"
import { faultWaitMs, jitter } from "./retry-schedule.ts"

/** An endpoint that this process alone delivers to, until the lease ends. */
export type LeasedEndpoint = {
  readonly endpointId: string
  readonly ledgerId: string
  readonly url: string
  readonly types: readonly LiveType[] | null
  readonly userId: string | null
  readonly tokenSymbol: string | null
  readonly chainId: bigint | null
  readonly cursorPosition: bigint
  /** Whether the wait for the next attempt is over. */
  readonly isDue: boolean
  readonly failingSince: Date | null
  readonly version: number
  readonly leaseToken: bigint
  /** Of the delivery that everything behind it waits for. */
  readonly retrying: { readonly position: bigint; readonly retries: number } | null
  readonly hasRequested: boolean
}

type Handle = Kysely<Database> | Transaction<Database>
export type LeaseKey = Pick<LeasedEndpoint, "endpointId" | "leaseToken" | "version">

/** Whether somebody has asked for a delivery of the endpoint `e` that is due. */
const hasRequested = sql<boolean>`
  EXISTS (SELECT FROM webhooks.deliveries r WHERE r.endpoint_id = e.endpoint_id AND r.redelivery_requested_at <= clock_timestamp())`

/** Takes an endpoint, unless another one holds it or nothing may be delivered to it. */
export async function takeLease(
  db: Handle,
  endpointId: string,
  leaseMs: number,
): Promise<LeasedEndpoint | undefined> {
  const { rows } = await sql<
    Omit<LeasedEndpoint, "retrying"> & { retryPosition: bigint | null; retries: number | null }
  >`
    WITH taken AS (
      UPDATE webhooks.endpoints
      SET lease_token = lease_token + 1, leased_until = clock_timestamp() + ${leaseMs} * interval '1 millisecond'
      WHERE endpoint_id = ${endpointId} AND is_enabled AND (leased_until IS NULL OR leased_until <= clock_timestamp())
      RETURNING *
    )
    SELECT e.endpoint_id AS "endpointId", e.ledger_id AS "ledgerId", e.url, e.types, e.user_id AS "userId",
      e.token_symbol AS "tokenSymbol", e.chain_id AS "chainId", e.cursor_position AS "cursorPosition",
      coalesce(e.next_attempt_at <= clock_timestamp(), true) AS "isDue", e.failing_since AS "failingSince", e.version,
      e.lease_token AS "leaseToken", d.position AS "retryPosition", d.retries,
      ${hasRequested} AS "hasRequested"
    FROM taken e LEFT JOIN webhooks.deliveries d ON d.endpoint_id = e.endpoint_id AND d.status = 'retrying'`.execute(
    db,
  )
  const [row] = rows
  if (row === undefined) return undefined
  const { retryPosition, retries, ...endpoint } = row
  const retrying = retryPosition === null ? null : { position: retryPosition, retries: retries ?? 0 }
  return { ...endpoint, retrying }
}

/** @returns whether there was a lease left to lengthen */
export async function renewLease(db: Handle, key: LeaseKey, leaseMs: number): Promise<boolean> {
  const { numAffectedRows } = await sql`
    UPDATE webhooks.endpoints SET leased_until = clock_timestamp() + ${leaseMs} * interval '1 millisecond'
    WHERE endpoint_id = ${key.endpointId} AND lease_token = ${key.leaseToken} AND is_enabled`.execute(db)
  return numAffectedRows === 1n
}

/** Gives an endpoint back. @returns whether there is more to deliver now: what came since the last look woke nobody */
export async function releaseLease(db: Handle, key: LeaseKey): Promise<boolean> {
  const { rows } = await sql<{ hasMore: boolean }>`
    UPDATE webhooks.endpoints e SET leased_until = NULL
    WHERE endpoint_id = ${key.endpointId} AND lease_token = ${key.leaseToken}
    RETURNING ${isDue} AS "hasMore"`.execute(db)
  return rows[0]?.hasMore ?? false
}

/**
 * Gives an endpoint back that we cannot deliver to, whatever its receiver is like: nothing counts as an attempt, and all of it waits for as long as it has failed so far.
 * @param random of [0, 1): the wait is shorter by so much of the jitter
 * @returns whether it was ours, with the settings of now; otherwise it is only given back
 */
export async function deferEndpoint(db: Handle, key: LeaseKey, random: number): Promise<boolean> {
  const { rows } = await sql`
    WITH held AS (
      SELECT endpoint_id, clock_timestamp() + ${1 - jitter * random}::float8 * least(greatest(now() - failing_since,
        ${faultWaitMs.shortest} * interval '1 millisecond'), ${faultWaitMs.longest} * interval '1 millisecond') AS until
      FROM webhooks.endpoints
      WHERE endpoint_id = ${key.endpointId} AND lease_token = ${key.leaseToken} AND version = ${key.version} AND is_enabled
      FOR UPDATE
    ), postponed AS (
      UPDATE webhooks.deliveries d SET redelivery_requested_at = greatest(redelivery_requested_at, held.until)
      FROM held WHERE d.endpoint_id = held.endpoint_id AND d.redelivery_requested_at IS NOT NULL
    )
    UPDATE webhooks.endpoints e SET leased_until = NULL, is_slow = true, failing_since = coalesce(failing_since, now()),
      next_attempt_at = greatest(next_attempt_at, held.until)
    FROM held WHERE e.endpoint_id = held.endpoint_id RETURNING e.endpoint_id`.execute(db)
  if (rows.length === 1) return true
  await releaseLease(db, key)
  return false
}

/** Whether there is something to deliver to the endpoint `e`. */
const isDue = sql<boolean>`e.is_enabled AND (
  (e.cursor_position < (SELECT h.position FROM ledger.head h WHERE h.ledger_id = e.ledger_id)
    AND coalesce(e.next_attempt_at <= clock_timestamp(), true))
  OR ${hasRequested})`

export type DueEndpoint = { readonly endpointId: string; readonly isSlow: boolean }

/** Endpoints that nobody delivers to and that there is something for. */
export async function findDueEndpoints(db: Handle, limit: number): Promise<readonly DueEndpoint[]> {
  const { rows } = await sql<DueEndpoint>`
    SELECT e.endpoint_id AS "endpointId", e.is_slow AS "isSlow" FROM webhooks.endpoints e
    WHERE ${isDue} AND (e.leased_until IS NULL OR e.leased_until <= clock_timestamp())
    ORDER BY e.next_attempt_at NULLS FIRST LIMIT ${limit}`.execute(db)
  return rows
}
