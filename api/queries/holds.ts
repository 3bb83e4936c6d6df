import { type Kysely, type RawBuilder, sql } from "kysely"
import type { ChangeData, EventDetails } from "../../ledger/domain/events.ts"
import type { Database, HoldState } from "../../ledger/store/database.ts"

export type HoldRow = {
  readonly position: bigint
  readonly user_id: string
  readonly token_id: number
  readonly operation_id: string
  readonly sequence: number
  readonly amount: bigint
  readonly captured: bigint
  readonly state: HoldState
  readonly placed_at: Date
  readonly expires_at: Date
  /** Of the event that ended it. */
  readonly ended_position: bigint | null
  readonly ended_at: Date | null
  readonly data: ChangeData
  readonly details: EventDetails | null
  readonly is_redacted: boolean
}

async function read(
  db: Kysely<Database>,
  holds: RawBuilder<unknown>,
  order: RawBuilder<unknown> = sql``,
): Promise<readonly HoldRow[]> {
  const { rows } = await sql<HoldRow>`
    SELECT h.position, a.user_id, a.token_id, e.operation_id, e.sequence, h.amount, h.captured, h.state, e.recorded_at AS placed_at,
      h.expires_at, h.ended_position, x.recorded_at AS ended_at, e.data, e.details,
      e.details IS NULL AND e.details_hash IS NOT NULL AS is_redacted
    FROM (${holds}) AS h
    JOIN ledger.accounts a ON a.ledger_id = h.ledger_id AND a.account_id = h.account_id
    JOIN ledger.event_log e ON e.ledger_id = h.ledger_id AND e.position = h.position
    LEFT JOIN ledger.event_log x ON x.ledger_id = h.ledger_id AND x.position = h.ended_position ${order}`.execute(
    db,
  )
  return rows
}

export async function readHold(
  db: Kysely<Database>,
  ledgerId: string,
  position: bigint,
): Promise<HoldRow | undefined> {
  const [row] = await read(
    db,
    sql`SELECT * FROM ledger.holds WHERE ledger_id = ${ledgerId} AND position = ${position}`,
  )
  return row
}

/** Open holds of these accounts, newest first, older than `before` where that is given. */
export function readOpenHolds(
  db: Kysely<Database>,
  ledgerId: string,
  accountIds: readonly bigint[],
  before: bigint | null,
  limit: number,
): Promise<readonly HoldRow[]> {
  return read(
    db,
    sql`
      SELECT * FROM ledger.holds
      WHERE ledger_id = ${ledgerId} AND account_id = ANY(${accountIds.map(String)}::bigint[]) AND state = 'open'
        ${before === null ? sql`` : sql`AND position < ${before}`}
      ORDER BY position DESC LIMIT ${limit}`,
    sql`ORDER BY h.position DESC`,
  )
}
