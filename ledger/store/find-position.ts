import { type Kysely, sql, type Transaction } from "kysely"
import { queryPrepared } from "../../platform/postgres.ts"
import type { Moment } from "../domain/moment.ts"
import type { Database } from "./database.ts"

/** A position of a ledger and when its event was recorded; 0 and null before the first event. */
export type LedgerPoint = { readonly position: bigint; readonly recordedAt: Date | null }

export type NoSuchPoint =
  | { readonly refused: "BEYOND_HEAD"; readonly head: LedgerPoint }
  | { readonly refused: "IN_THE_FUTURE" }

type PointRow = { readonly position: bigint; readonly recorded_at: Date | null }
type Handle = Kysely<Database> | Transaction<Database>

/**
 * The position that a moment stands for: a time stands for the last event recorded at or before it. What is read at that position never changes again; the time itself may come to
 * stand for a later position as long as a commit that has begun before it is under way.
 */
export async function findPosition(
  db: Handle,
  ledgerId: string,
  moment: Moment,
  now: Date,
): Promise<LedgerPoint | NoSuchPoint> {
  if ("time" in moment) {
    // What the log says has happened is not in the future, should this process's clock be behind it.
    if (moment.time > now) {
      const { recordedAt } = await readHeadPoint(db, ledgerId)
      if (recordedAt === null || moment.time > recordedAt) return { refused: "IN_THE_FUTURE" }
    }
    return findTime(db, ledgerId, moment.time)
  }
  const head = await readHeadPoint(db, ledgerId)
  if (moment.position > head.position) return { refused: "BEYOND_HEAD", head }
  if (moment.position === 0n || moment.position === head.position)
    return moment.position === 0n ? { position: 0n, recordedAt: null } : head
  const query = sql<PointRow>`
    SELECT position, recorded_at FROM ledger.event_log
    WHERE ledger_id = ${ledgerId} AND position = ${moment.position}`
  return toPoint((await queryPrepared(db, "ledger-point", query))[0])
}

/** Where the ledger stands now. */
export async function readHeadPoint(db: Handle, ledgerId: string): Promise<LedgerPoint> {
  const query = sql<PointRow>`
    SELECT position, recorded_at FROM ledger.head WHERE ledger_id = ${ledgerId}`
  return toPoint((await queryPrepared(db, "ledger-head-point", query))[0])
}

/**
 * The last event recorded at or before a time. recorded_at never goes back within a ledger, so that it needs no index of its own: the primary key is searched where the time would lie
 * if events came evenly. Each probe leaves more room to both sides than the one before, so that bursts and pauses make it a bisection in the end.
 */
export async function findTime(db: Handle, ledgerId: string, time: Date): Promise<LedgerPoint> {
  // Of the events of one millisecond the last is wanted: what is looked for lies behind all of them.
  const share = sql`extract(epoch FROM ${time}::timestamptz + interval '0.5 ms' - low_at) / extract(epoch FROM high_at - low_at)`
  const query = sql<PointRow>`
    WITH RECURSIVE search(low, low_at, high, high_at, room) AS (
      SELECT CASE WHEN e.recorded_at <= ${time} THEN e.position ELSE 0 END, e.recorded_at,
        CASE WHEN e.recorded_at <= ${time} THEN h.position ELSE 0 END, h.recorded_at, 2::bigint
      FROM ledger.head h
      CROSS JOIN LATERAL (
        SELECT position, recorded_at FROM ledger.event_log WHERE ledger_id = h.ledger_id AND position = least(1, h.position) OFFSET 0
      ) AS e
      WHERE h.ledger_id = ${ledgerId}
      UNION ALL
      SELECT
        CASE WHEN e.recorded_at <= ${time} THEN e.position ELSE p.low END,
        CASE WHEN e.recorded_at <= ${time} THEN e.recorded_at ELSE p.low_at END,
        CASE WHEN e.recorded_at <= ${time} THEN p.high ELSE e.position - 1 END,
        CASE WHEN e.recorded_at <= ${time} THEN p.high_at ELSE e.recorded_at END,
        least(p.room, p.high) * 4
      FROM (
        SELECT *, least(room, (high - low + 1) / 2) AS margin,
          CASE WHEN high_at > low_at THEN ((high - low) * least(${share}, 1))::bigint ELSE high - low END AS step
        FROM search WHERE low < high
      ) AS p
      CROSS JOIN LATERAL (
        SELECT position, recorded_at FROM ledger.event_log
        WHERE ledger_id = ${ledgerId} AND position = p.low + greatest(p.margin, least(p.high - p.low + 1 - p.margin, p.step)) OFFSET 0
      ) AS e
    )
    SELECT low AS position, CASE WHEN low > 0 THEN low_at END AS recorded_at FROM search WHERE low = high`
  return toPoint((await queryPrepared(db, "ledger-time", query))[0])
}

function toPoint(row: PointRow | undefined): LedgerPoint {
  if (row === undefined || row.position === 0n) return { position: 0n, recordedAt: null }
  return { position: row.position, recordedAt: row.recorded_at }
}
