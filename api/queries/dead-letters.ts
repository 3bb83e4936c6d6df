import { type Kysely, sql } from "kysely"
import type { Database } from "../../ledger/store/database.ts"

export const deadLetterStatuses = ["open", "retried", "discarded"] as const
export type DeadLetterStatus = (typeof deadLetterStatuses)[number]

export type DeadLetterRow = {
  readonly dead_letter_id: bigint
  readonly user_id: string
  readonly token_id: number
  readonly address: string
  readonly reason: string
  /** Of the batch that was taken apart for it. */
  readonly batch_id: string | null
  /** Changes that are held back by it now, and their sum. */
  readonly changes: bigint
  readonly amount: bigint
  readonly status: DeadLetterStatus
  readonly opened_at: Date
  readonly closed_at: Date | null
  readonly closed_by: string | null
}

/** Dead letters of a ledger, newest first, older than `before`. */
export async function readDeadLetters(
  db: Kysely<Database>,
  ledgerId: string,
  filter: {
    readonly deadLetterId?: bigint
    readonly status?: DeadLetterStatus | undefined
    readonly tokenIds?: readonly number[] | undefined
    readonly before?: bigint | null
  },
  limit: number,
): Promise<readonly DeadLetterRow[]> {
  const { deadLetterId, status, tokenIds, before = null } = filter
  const { rows } = await sql<DeadLetterRow>`
    SELECT d.dead_letter_id, a.user_id, d.token_id, a.address, d.reason, b.batch_id, i.changes, i.amount,
      coalesce(d.outcome, 'open') AS status, d.opened_at, d.closed_at, d.closed_by
    FROM settlement.dead_letters d
    JOIN ledger.accounts a ON a.ledger_id = d.ledger_id AND a.account_id = d.account_id
    LEFT JOIN settlement.batches b ON b.ledger_id = d.ledger_id AND b.batch_sequence = d.batch_sequence
    CROSS JOIN LATERAL (
      SELECT count(*) AS changes, coalesce(sum(i.amount), 0) AS amount FROM settlement.batch_items i
      WHERE d.closed_at IS NULL AND i.ledger_id = d.ledger_id AND i.account_id = d.account_id AND i.state = 'waiting'
        AND i.position <= d.through_position) AS i
    WHERE d.ledger_id = ${ledgerId}
      ${deadLetterId === undefined ? sql`` : sql`AND d.dead_letter_id = ${deadLetterId}`}
      ${status === undefined ? sql`` : sql`AND coalesce(d.outcome, 'open') = ${status}`}
      ${tokenIds === undefined ? sql`` : sql`AND d.token_id = ANY(${[...tokenIds]}::integer[])`}
      ${before === null ? sql`` : sql`AND d.dead_letter_id < ${before}`}
    ORDER BY d.dead_letter_id DESC LIMIT ${limit}`.execute(db)
  return rows
}
