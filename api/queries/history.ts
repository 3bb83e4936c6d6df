import { type Kysely, type RawBuilder, sql } from "kysely"
import type { Database } from "../../ledger/store/database.ts"
import { findTime } from "../../ledger/store/find-position.ts"
import { type ChangeRow, type ChangeStatus, changeColumns, changeJoins, isChangeRow } from "./changes.ts"

export type HistoryFilter = {
  readonly reasonType?: string | undefined
  readonly businessType?: string | undefined
  readonly status?: ChangeStatus | undefined
  readonly from?: Date | undefined
  readonly to?: Date | undefined
}

/** Events of an account that one statement looks through for what a filter wants. */
const stepEvents = 5_000
/** Nobody waits longer for rows that few events are. */
const searchMsMax = 250

/**
 * What happened to these accounts, newest first. Each account is a walk down its index in the log itself, so that a change is there as soon as it is recorded; times become
 * positions first. A filter by what has no index looks through a bounded number of events: however long the history is and however seldom it fits, the answer
 * comes after a moment, perhaps with fewer rows.
 * @param before only older ones
 * @param limit rows at most
 * @param searchMs after this long an answer says what it has found so far
 * @returns `continueAt`: where the search goes on, when it was ended before it had the rows or met the end
 */
export async function readHistory(
  db: Kysely<Database>,
  ledgerId: string,
  accountIds: readonly bigint[],
  filter: HistoryFilter,
  before: bigint | null,
  limit: number,
  searchMs: number = searchMsMax,
): Promise<{ readonly rows: readonly ChangeRow[]; readonly continueAt: bigint | null }> {
  const range = await toPositions(db, ledgerId, filter, before)
  const conditions = conditionsOf(filter)
  if (conditions.length === 0)
    return { rows: await readRows(db, ledgerId, accountIds, range, conditions, limit), continueAt: null }
  const until = performance.now() + searchMs
  const found: ChangeRow[] = []
  for (let { below } = range; ; ) {
    const floor = await findFloor(db, ledgerId, accountIds, { ...range, below })
    const step = { after: floor === null ? range.after : floor - 1n, below }
    found.push(...(await readRows(db, ledgerId, accountIds, step, conditions, limit - found.length)))
    if (floor === null || found.length >= limit) return { rows: found, continueAt: null }
    if (performance.now() >= until) return { rows: found, continueAt: floor }
    below = floor
  }
}

/** Positions above `after` and below `below`. */
type Range = { readonly after: bigint; readonly below: bigint | null }

async function toPositions(
  db: Kysely<Database>,
  ledgerId: string,
  { from, to }: HistoryFilter,
  before: bigint | null,
): Promise<Range> {
  // Times are stored in milliseconds: the last one before a moment is one earlier.
  const lastBefore = async (time: Date) =>
    (await findTime(db, ledgerId, new Date(time.getTime() - 1))).position
  const after = from === undefined ? 0n : await lastBefore(from)
  const end = to === undefined ? null : (await lastBefore(to)) + 1n
  return { after, below: end === null || (before !== null && before < end) ? before : end }
}

function conditionsOf({ reasonType, businessType, status }: HistoryFilter): RawBuilder<unknown>[] {
  return [
    ...(reasonType === undefined ? [] : [sql`f.reason_type = ${reasonType}`]),
    ...(businessType === undefined ? [] : [sql`f.business_type = ${businessType}`]),
    ...(status === undefined ? [] : [sql`f.status = ${status}`]),
  ]
}

function isIn({ after, below }: Range): RawBuilder<unknown> {
  return below === null ? sql`e.position > ${after}` : sql`e.position > ${after} AND e.position < ${below}`
}

async function readRows(
  db: Kysely<Database>,
  ledgerId: string,
  accountIds: readonly bigint[],
  range: Range,
  conditions: readonly RawBuilder<unknown>[],
  limit: number,
): Promise<readonly ChangeRow[]> {
  if (accountIds.length === 0) return []
  // The events come first, whatever is believed about their number: what is joined to them must not make the planner read all of them. The limit of a search is never reached: see findFloor.
  const eventsMax = conditions.length === 0 ? limit : stepEvents
  const branches = accountIds.map(
    (accountId) => sql`(
      SELECT f.* FROM (
        SELECT ${changeColumns} FROM (
          SELECT e.* FROM ledger.event_log e
          WHERE e.ledger_id = ${ledgerId} AND e.account_id = ${accountId} AND ${isIn(range)} AND ${isChangeRow}
          ORDER BY e.position DESC LIMIT ${eventsMax}
        ) AS e ${changeJoins}
      ) AS f
      WHERE ${sql.join([sql`true`, ...conditions], sql` AND `)}
      ORDER BY f.position DESC LIMIT ${limit}
    )`,
  )
  const { rows } = await sql<ChangeRow>`
    SELECT h.* FROM (${sql.join(branches, sql` UNION ALL `)}) AS h ORDER BY h.position DESC LIMIT ${limit}`.execute(
    db,
  )
  return rows
}

/** The position down to which a step looks, the same for all accounts; null where it meets the end of all of them. */
async function findFloor(
  db: Kysely<Database>,
  ledgerId: string,
  accountIds: readonly bigint[],
  range: Range,
): Promise<bigint | null> {
  if (accountIds.length === 0) return null
  const branches = accountIds.map(
    (accountId) => sql`(
      SELECT e.position FROM ledger.event_log e
      WHERE e.ledger_id = ${ledgerId} AND e.account_id = ${accountId} AND ${isIn(range)}
      ORDER BY e.position DESC OFFSET ${stepEvents - 1} LIMIT 1
    )`,
  )
  const { rows } = await sql<{ floor: bigint | null }>`
    SELECT max(f.position) AS floor FROM (${sql.join(branches, sql` UNION ALL `)}) AS f`.execute(db)
  return rows[0]?.floor ?? null
}
