import { type Kysely, type RawBuilder, sql, type Transaction } from "kysely"
import { queryPrepared } from "../../platform/postgres.ts"
import type { Database } from "./database.ts"

/** The figures of an account as they were after the event at a position. */
export type BalanceAt = {
  readonly account_id: bigint
  readonly user_id: string
  readonly token_id: number
  readonly pending: bigint
  readonly confirmed: bigint
  readonly locked: bigint
}

type Handle = Kysely<Database> | Transaction<Database>

// The newest event of the account says its balance, unless a newer one touched several accounts or moved what is confirmed or locked: that one has a row in the history.
const figuresAt = (position: bigint): RawBuilder<unknown> => sql`
  SELECT a.account_id, a.user_id, a.token_id,
    CASE WHEN h.position > coalesce(e.position, 0) THEN h.pending ELSE coalesce(e.balance_after, 0) END AS pending,
    coalesce(h.confirmed, 0) AS confirmed, coalesce(h.locked, 0) AS locked
  FROM ledger.accounts a
  LEFT JOIN LATERAL (
    SELECT position, balance_after FROM ledger.event_log
    WHERE ledger_id = a.ledger_id AND account_id = a.account_id AND position <= ${position}
    ORDER BY position DESC LIMIT 1
  ) AS e ON true
  LEFT JOIN LATERAL (
    SELECT position, pending, confirmed, locked FROM ledger.balance_history
    WHERE ledger_id = a.ledger_id AND account_id = a.account_id AND position <= ${position}
    ORDER BY position DESC LIMIT 1
  ) AS h ON true`

/** Every account that the user has today, as it was; one that was not open yet with zeros. Takes two steps down an index an account, however long the log is. */
export async function readUserBalancesAt(
  db: Handle,
  ledgerId: string,
  userId: string,
  position: bigint,
): Promise<readonly BalanceAt[]> {
  const query = sql<BalanceAt>`
    ${figuresAt(position)} WHERE a.ledger_id = ${ledgerId} AND a.user_id = ${userId} ORDER BY a.token_id`
  return queryPrepared(db, "ledger-user-balances-at", query)
}

/** The accounts that were open at the position, in the order of their ids, after `afterAccountId`. What it reads never changes, so pages of one position fit together. */
export async function readLedgerBalancesAt(
  db: Handle,
  ledgerId: string,
  position: bigint,
  page: {
    readonly afterAccountId: bigint
    readonly limit: number
    readonly tokenIds: readonly number[] | null
  },
): Promise<readonly BalanceAt[]> {
  const tokens = page.tokenIds === null ? sql`` : sql`AND a.token_id = ANY(${page.tokenIds}::integer[])`
  const { rows } = await sql<BalanceAt>`
    ${figuresAt(position)}
    WHERE a.ledger_id = ${ledgerId} AND a.account_id > ${page.afterAccountId} AND a.opened_position <= ${position} ${tokens}
    ORDER BY a.account_id LIMIT ${page.limit}`.execute(db)
  return rows
}
