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

/** The last event recorded at or before a time. Bisects the primary key: recorded_at never goes back, so that it needs no index of its own. */
export async function findTime(db: Handle, ledgerId: string, time: Date): Promise<LedgerPoint> {
  const query = sql<PointRow>`
    WITH RECURSIVE search(low, high, low_at) AS (
      SELECT 0::bigint, position, NULL::timestamptz FROM ledger.head WHERE ledger_id = ${ledgerId}
      UNION ALL
      SELECT
        CASE WHEN middle.recorded_at <= ${time} THEN middle.position ELSE search.low END,
        CASE WHEN middle.recorded_at <= ${time} THEN search.high ELSE middle.position - 1 END,
        CASE WHEN middle.recorded_at <= ${time} THEN middle.recorded_at ELSE search.low_at END
      FROM search
      CROSS JOIN LATERAL (
        SELECT position, recorded_at FROM ledger.event_log
        WHERE ledger_id = ${ledgerId} AND position = (search.low + search.high + 1) / 2 OFFSET 0
      ) AS middle
      WHERE search.low < search.high
    )
    SELECT low AS position, low_at AS recorded_at FROM search WHERE low = high`
  return toPoint((await queryPrepared(db, "ledger-time", query))[0])
}

function toPoint(row: PointRow | undefined): LedgerPoint {
  if (row === undefined || row.position === 0n) return { position: 0n, recordedAt: null }
  return { position: row.position, recordedAt: row.recorded_at }
}
