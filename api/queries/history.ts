import { type Kysely, type RawBuilder, sql } from "kysely"
import type { Database } from "../../ledger/store/database.ts"
import { findTime } from "../../ledger/store/find-position.ts"
import { queryPrepared } from "../../platform/postgres.ts"
import { type ChangeRow, type ChangeStatus, changeColumns, changeJoins, isChangeRow } from "./changes.ts"

export type HistoryFilter = {
  readonly reasonType?: string | undefined
  readonly businessType?: string | undefined
  readonly status?: ChangeStatus | undefined
  readonly from?: Date | undefined
  readonly to?: Date | undefined
}

/** Events of an account that one statement looks through, for what a filter wants or among others that are no changes. */
const stepEvents = 5_000
/** Nobody waits longer for rows that few events are. */
const searchMsMax = 250

/**
 * What happened to these accounts, newest first. Each account is a walk down its index in the log itself, so that a change is there as soon as it is recorded; times become
 * positions first. One statement looks through a bounded number of events: however long the history is and however few of its events are wanted, the answer comes after a
 * moment, perhaps with fewer rows.
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
  if (accountIds.length === 0) return { rows: [], continueAt: null }
  const range = await toPositions(db, ledgerId, filter, before)
  const conditions = conditionsOf(filter)
  const until = performance.now() + searchMs
  const found: ChangeRow[] = []
  // Nearly all events of most accounts are changes: without a filter few more than are wanted have to be looked at.
  let events = conditions.length === 0 ? Math.min(limit + 10, stepEvents) : stepEvents
  for (let { below } = range; ; events = stepEvents) {
    const step = { ...range, below, events, rows: limit - found.length }
    const { rows, floor } = await readStep(db, ledgerId, accountIds, step, conditions)
    found.push(...rows)
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

/** A query over so many accounts is kept prepared: each number of them is a text of its own. */
const preparedAccountsMax = 8
/** Past every position. */
const pastAll = 2n ** 63n - 1n

/**
 * The newest rows of the newest events of a range, and the position down to which these go: the same for all accounts, null where it meets the end of all of them. One statement
 * reads both: an event that is appended between two would push the oldest one of a step out of it, and the next step begins below.
 */
async function readStep(
  db: Kysely<Database>,
  ledgerId: string,
  accountIds: readonly bigint[],
  step: Range & { readonly events: number; readonly rows: number },
  conditions: readonly RawBuilder<unknown>[],
): Promise<{ readonly rows: readonly ChangeRow[]; readonly floor: bigint | null }> {
  const ofAccount = (accountId: bigint) =>
    sql`e.ledger_id = ${ledgerId} AND e.account_id = ${accountId} AND e.position > ${step.after} AND e.position < ${step.below ?? pastAll}`
  const floors = accountIds.map(
    (accountId) => sql`(
      SELECT e.position FROM ledger.event_log e WHERE ${ofAccount(accountId)}
      ORDER BY e.position DESC OFFSET ${step.events - 1} LIMIT 1
    )`,
  )
  // The events come first, whatever is believed about their number: what is joined to them must not make the planner read all of them. With a filter their limit is never reached.
  const eventsMax = conditions.length === 0 ? step.rows : step.events
  const branches = accountIds.map(
    (accountId) => sql`(
      SELECT f.* FROM (
        SELECT ${changeColumns} FROM (
          SELECT e.* FROM ledger.event_log e
          WHERE ${ofAccount(accountId)} AND e.position >= (SELECT coalesce(floor, 0) FROM step) AND ${isChangeRow}
          ORDER BY e.position DESC LIMIT ${eventsMax}
        ) AS e ${changeJoins}
      ) AS f
      WHERE ${sql.join([sql`true`, ...conditions], sql` AND `)}
      ORDER BY f.position DESC LIMIT ${step.rows}
    )`,
  )
  const query = sql<ChangeRow & { readonly floor: bigint | null }>`
    WITH step AS MATERIALIZED (SELECT max(f.position) AS floor FROM (${sql.join(floors, sql` UNION ALL `)}) AS f)
    SELECT step.floor, h.* FROM step LEFT JOIN (
      SELECT * FROM (${sql.join(branches, sql` UNION ALL `)}) AS b ORDER BY b.position DESC LIMIT ${step.rows}
    ) AS h ON true ORDER BY h.position DESC`
  const count = accountIds.length
  const isUsual = conditions.length === 0 && count <= preparedAccountsMax
  const rows = await queryPrepared(db, isUsual ? `api-history-${count}` : undefined, query)
  return {
    // Where there are none, the floor stands alone.
    rows: rows.filter(({ position }: { position: bigint | null }) => position !== null),
    floor: rows[0]?.floor ?? null,
  }
}
