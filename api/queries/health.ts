import { type Kysely, type RawBuilder, sql } from "kysely"
import { changeTypes } from "../../ledger/domain/events.ts"
import type { Database } from "../../ledger/store/database.ts"

/** Since the newest sign of life of each role, in milliseconds by the database's clock. */
export async function readHeartbeatAges(db: Kysely<Database>): Promise<ReadonlyMap<string, number>> {
  const { rows } = await sql<{ role: string; age_ms: number }>`
    SELECT role, (extract(epoch FROM now() - max(heartbeat_at)) * 1000)::float8 AS age_ms
    FROM registry.processes GROUP BY role`.execute(db)
  return new Map(rows.map((row) => [row.role, row.age_ms]))
}

/** What each worker that was heard of lately says of its checkpoints. */
export async function readCheckpointStates(
  db: Kysely<Database>,
  ageMsMax: number,
): Promise<readonly string[]> {
  const { rows } = await sql<{ state: string }>`
    SELECT coalesce(details->'checkpoints'->>'state', 'no_key') AS state FROM registry.processes
    WHERE role = 'worker' AND heartbeat_at > now() - ${ageMsMax} * interval '1 millisecond'`.execute(db)
  return rows.map(({ state }) => state)
}

export type OpenAlarm = {
  readonly kind: string
  readonly subject: string
  readonly message: string
  readonly raised_at: Date
}

/** Which open alarms are not about another app's ledger; without a ledger, all of them. */
function openTo(ledgerId: string | undefined): RawBuilder<boolean> {
  if (ledgerId === undefined) return sql`m.cleared_at IS NULL`
  return sql`m.cleared_at IS NULL AND (m.ledger_id IS NULL OR m.ledger_id = ${ledgerId})`
}

/**
 * Open alarms that are not about another app's ledger, the newest `limit` of them, and how many there are: by one statement, so that neither says what the other denies.
 * @param ledgerId undefined: all apps'
 */
export async function readOpenAlarms(
  db: Kysely<Database>,
  ledgerId: string | undefined,
  limit: number,
): Promise<{ readonly count: number; readonly alarms: readonly OpenAlarm[] }> {
  const { rows } = await sql<OpenAlarm & { readonly count: bigint }>`
    SELECT kind, subject, message, raised_at, count(*) OVER () AS count FROM registry.alarms m
    WHERE ${openTo(ledgerId)} ORDER BY raised_at DESC LIMIT ${limit}`.execute(db)
  return { count: Number(rows[0]?.count ?? 0n), alarms: rows.map(({ count: _, ...alarm }) => alarm) }
}

export type LedgerMetrics = {
  readonly pending_changes: bigint
  readonly open_batches: bigint
  readonly batches_24h: bigint
  readonly average_batch_size: number | null
  readonly success_rate_24h: number | null
  readonly average_confirmation_seconds: number | null
  readonly gas_used_24h: bigint | null
  /** Percent saved against one single call for each recipient, over the batches for which those were measured: of all, of those that only credit, and of those that only debit. */
  readonly efficiency: number | null
  readonly mint_efficiency: number | null
  readonly burn_efficiency: number | null
  /** Against one single call for each of their changes. */
  readonly gas_saved_24h: bigint | null
}

/** What the batcher has not taken in yet is counted in the log, and no further than this: without a batcher all of the log is. */
const untakenReadMax = 20_000

const efficiency = sql`(100 * (1 - sum(gas_used) / nullif(sum(single_gas_recipients), 0)))::float8`

/** What settlement of one ledger did in the last day and has before it; a figure without anything to measure is null. */
export async function readLedgerMetrics(db: Kysely<Database>, ledgerId: string): Promise<LedgerMetrics> {
  const { rows } = await sql<LedgerMetrics>`
    WITH day AS (
      SELECT * FROM settlement.batches WHERE ledger_id = ${ledgerId} AND sealed_at > now() - interval '24 hours'
    ), measured AS (
      SELECT * FROM day WHERE state = 'confirmed' AND accounted_position = confirmed_position AND single_gas_recipients > 0
    ), intake AS MATERIALIZED (
      SELECT coalesce((SELECT position FROM settlement.intake WHERE ledger_id = ${ledgerId}), 0) AS position
    ), open AS (
      SELECT * FROM settlement.batches
      WHERE ledger_id = ${ledgerId} AND state IN ('sealed', 'simulated', 'signed', 'broadcast', 'mined')
    )
    SELECT
      (SELECT count(*) FROM settlement.batch_items WHERE ledger_id = ${ledgerId} AND state = 'waiting')
        + (SELECT coalesce(sum(changes), 0) FROM open)::bigint
        + (SELECT count(*) FROM (
            SELECT FROM ledger.events e
            WHERE e.ledger_id = ${ledgerId} AND e.type = ANY(${[...changeTypes]}::text[])
              AND e.position > (SELECT position FROM intake) AND e.position <= (SELECT position FROM intake) + ${untakenReadMax}) AS untaken) AS pending_changes,
      (SELECT count(*) FROM open) AS open_batches,
      (SELECT count(*) FROM day) AS batches_24h,
      (SELECT avg(recipients)::float8 FROM day) AS average_batch_size,
      (SELECT 100.0::float8 * count(*) FILTER (WHERE state = 'confirmed')
        / nullif(count(*) FILTER (WHERE state IN ('confirmed', 'cancelled', 'dead_letter')), 0) FROM day) AS success_rate_24h,
      (SELECT avg(extract(epoch FROM confirmed_at - broadcast_at))::float8 FROM day) AS average_confirmation_seconds,
      (SELECT sum(gas_used)::bigint FROM day) AS gas_used_24h,
      (SELECT ${efficiency} FROM measured) AS efficiency,
      (SELECT ${efficiency} FROM measured WHERE credited_recipients = settled_recipients) AS mint_efficiency,
      (SELECT ${efficiency} FROM measured WHERE credited_recipients = 0) AS burn_efficiency,
      (SELECT sum(single_gas_changes - gas_used)::bigint FROM measured) AS gas_saved_24h`.execute(db)
  const [metrics] = rows
  if (metrics === undefined) throw new TypeError("a query without a FROM gave no row")
  return metrics
}

export type WebhookFigures = {
  readonly enabled: bigint
  readonly failing: bigint
  readonly disabled: bigint
  readonly dead_letters: bigint
  /** Of the oldest event that an enabled webhook is not through with. */
  readonly undelivered_seconds: number | null
}

/** How the webhooks of one ledger are. */
export async function readWebhookFigures(db: Kysely<Database>, ledgerId: string): Promise<WebhookFigures> {
  const { rows } = await sql<WebhookFigures>`
    WITH own AS (SELECT * FROM webhooks.endpoints WHERE ledger_id = ${ledgerId} AND deleted_at IS NULL)
    SELECT count(*) FILTER (WHERE is_enabled) AS enabled,
      count(*) FILTER (WHERE is_enabled AND failing_since IS NOT NULL) AS failing,
      count(*) FILTER (WHERE NOT is_enabled) AS disabled,
      (SELECT count(*) FROM own JOIN webhooks.deliveries d USING (endpoint_id) WHERE d.status = 'dead') AS dead_letters,
      (SELECT extract(epoch FROM clock_timestamp() - v.recorded_at)::float8 FROM ledger.event_log v
        WHERE v.ledger_id = ${ledgerId} AND v.position = (SELECT min(cursor_position) + 1 FROM own WHERE is_enabled)) AS undelivered_seconds
    FROM own`.execute(db)
  const [figures] = rows
  if (figures === undefined) throw new TypeError("a count gave no row")
  return figures
}
