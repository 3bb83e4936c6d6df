import { type Kysely, sql } from "kysely"
import type { Database } from "../store/database.ts"

/** Events that are looked at in one go: a user's long past that has been erased already is passed in steps as well. */
const windowEvents = 50_000

export type Erasable = {
  /** Of the user's events with details, the first ones behind `after`. */
  readonly positions: readonly bigint[]
  /** Nothing else of the user up to here has details. */
  readonly cursor: bigint
  /** Whether nothing is left behind the cursor. */
  readonly isEnd: boolean
}

/**
 * The details of one user between two positions, both excluded. Reads without a lock: what is appended or erased meanwhile is for the caller to see.
 * @param limit of the positions
 */
export async function findErasable(
  db: Kysely<Database>,
  ledgerId: string,
  userId: string,
  between: { readonly after: bigint; readonly before: bigint },
  limit: number,
): Promise<Erasable> {
  const { after, before } = between
  const { rows } = await sql<{ positions: string[] | null; upto: bigint | null; scanned: bigint }>`
    SELECT array_agg(position::text ORDER BY position) FILTER (WHERE has_details) AS positions, max(position) AS upto, count(*) AS scanned
    FROM (
      SELECT e.position, e.has_details FROM ledger.accounts a
      CROSS JOIN LATERAL (
        SELECT position, details IS NOT NULL AS has_details FROM ledger.event_log
        WHERE ledger_id = a.ledger_id AND account_id = a.account_id AND position > ${after} AND position < ${before}
        ORDER BY position LIMIT ${windowEvents}
      ) AS e
      WHERE a.ledger_id = ${ledgerId} AND a.user_id = ${userId}
      ORDER BY e.position LIMIT ${windowEvents}
    ) AS looked_at`.execute(db)
  const [row] = rows
  const found = (row?.positions ?? []).map(BigInt)
  const positions = found.slice(0, limit)
  const hasMore = found.length > positions.length
  return {
    positions,
    cursor: (hasMore ? positions.at(-1) : row?.upto) ?? after,
    isEnd: !hasMore && (row?.scanned ?? 0n) < BigInt(windowEvents),
  }
}

/** Positions up to here have no details of the user any more: an erasure that is finished has seen to it. */
export async function erasedUpTo(db: Kysely<Database>, ledgerId: string, userId: string): Promise<bigint> {
  const { rows } = await sql<{ position: bigint | null }>`
    SELECT max(position) AS position FROM ledger.redactions
    WHERE ledger_id = ${ledgerId} AND user_id = ${userId} AND finished_at IS NOT NULL`.execute(db)
  return rows[0]?.position ?? 0n
}
