import { type Kysely, sql } from "kysely"
import type { Database } from "../../ledger/store/database.ts"
import type { DeliveryStatus } from "../../ledger/store/webhook-tables.ts"

export type AttemptRow = {
  readonly attempt: number
  /** JSON has no dates. */
  readonly began_at: string
  readonly duration_ms: number
  readonly response_status: number | null
  readonly error: string | null
  readonly excerpt: string
  readonly is_requested: boolean
}

export type DeliveryRow = {
  readonly delivery_id: bigint
  readonly endpoint_id: string
  readonly position: bigint | null
  readonly type: string
  readonly status: DeliveryStatus
  readonly attempts: number
  readonly redelivery_requested_at: Date | null
  readonly next_attempt_at: Date | null
  readonly created_at: Date
  readonly settled_at: Date | null
  /** The newest first. */
  readonly last_attempts: readonly AttemptRow[]
}

/** Deliveries of a webhook, newest first, each with its last attempts. */
export async function readDeliveries(
  db: Kysely<Database>,
  endpointId: string,
  only: {
    readonly deliveryId?: bigint
    readonly status?: DeliveryStatus | undefined
    readonly before?: bigint | null
    readonly limit: number
    readonly attempts: number
  },
): Promise<readonly DeliveryRow[]> {
  const { deliveryId, status, before = null, limit, attempts } = only
  const { rows } = await sql<DeliveryRow>`
    SELECT d.*,
      CASE WHEN d.status = 'retrying' AND e.is_enabled THEN coalesce(e.next_attempt_at, now()) ELSE d.redelivery_requested_at END AS next_attempt_at,
      (SELECT coalesce(json_agg(a ORDER BY a.attempt DESC), '[]') FROM (
        SELECT attempt, began_at, duration_ms, response_status, error, excerpt, is_requested FROM webhooks.attempts
        WHERE delivery_id = d.delivery_id ORDER BY attempt DESC LIMIT ${attempts}) a) AS last_attempts
    FROM webhooks.deliveries d JOIN webhooks.endpoints e USING (endpoint_id)
    WHERE d.endpoint_id = ${endpointId}
      ${deliveryId === undefined ? sql`` : sql`AND d.delivery_id = ${deliveryId}`}
      ${status === undefined ? sql`` : sql`AND d.status = ${status}`}
      ${before === null ? sql`` : sql`AND d.delivery_id < ${before}`}
    ORDER BY d.delivery_id DESC LIMIT ${limit}`.execute(db)
  return rows
}
