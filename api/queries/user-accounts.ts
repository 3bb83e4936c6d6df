import { CompiledQuery, type Kysely } from "kysely"
import { changeTypes } from "../../ledger/domain/events.ts"
import type { Database } from "../../ledger/store/database.ts"
import type { Statement } from "../../ledger/store/statement.ts"
import { queryPrepared } from "../../platform/postgres.ts"

export type UserAccount = {
  readonly account_id: bigint
  readonly token_id: number
  readonly address: string
  readonly pending: bigint
  readonly confirmed: bigint
  readonly locked: bigint
  readonly changed_at: Date
  readonly confirmed_at: Date | null
  /** Open batches that the account is in. */
  readonly open_batches: bigint
  /** Why changes of it are in the dead letters; null where none are. */
  readonly sync_error: string | null
  /** Whether a change waits to be sealed; null where too much would have to be read to know. */
  readonly is_waiting: boolean | null
}

/** Of an account's events that the intake has not seen, so many are looked at. */
const newEventsMax = 1_000

// A plan may be made while the tables are empty, when every index that begins with the ledger costs the same: only the one that has the user can give the accounts in the order that
// is asked for without sorting, which these connections do not do (read-pool.ts). Each branch has a partial index. What waits is in the items as far as the intake has come; from there on the log is looked at, but only where both figures are equal: where they
// are not, something is on its way.
const text = `
    SELECT a.user_id, a.account_id, a.token_id, a.address, b.pending, b.confirmed, b.locked, b.changed_at, b.confirmed_at,
      o.open_batches, d.reason AS sync_error,
      CASE WHEN b.pending <> b.confirmed OR EXISTS (
        SELECT FROM settlement.batch_items i
        WHERE i.ledger_id = a.ledger_id AND i.account_id = a.account_id AND i.state = 'waiting'
      ) THEN true ELSE (
        SELECT CASE WHEN bool_or(e.type = ANY($3::text[])) THEN true WHEN count(*) < ${newEventsMax} THEN false END
        FROM (
          SELECT type FROM ledger.event_log
          WHERE ledger_id = a.ledger_id AND account_id = a.account_id
            AND position > coalesce((SELECT position FROM settlement.intake WHERE ledger_id = a.ledger_id), 0)
          ORDER BY position DESC LIMIT ${newEventsMax}
        ) AS e
      ) END AS is_waiting
    FROM unnest($2::text[]) AS u(user_id)
    CROSS JOIN LATERAL (
      SELECT * FROM ledger.accounts
      WHERE ledger_id = $1 AND user_id >= u.user_id AND user_id <= u.user_id ORDER BY user_id, token_id
    ) AS a
    CROSS JOIN LATERAL (
      SELECT * FROM ledger.balances WHERE ledger_id = a.ledger_id AND account_id = a.account_id OFFSET 0
    ) AS b
    CROSS JOIN LATERAL (
      SELECT count(*) AS open_batches
      FROM (
        SELECT batch_sequence FROM settlement.batch_accounts
        WHERE ledger_id = a.ledger_id AND account_id = a.account_id AND state = 'open'
        UNION ALL
        SELECT batch_sequence FROM settlement.batch_accounts
        WHERE ledger_id = a.ledger_id AND account_id = a.account_id AND state = 'reopened'
      ) AS s
    ) AS o
    LEFT JOIN settlement.dead_letters d
      ON d.ledger_id = a.ledger_id AND d.account_id = a.account_id AND d.closed_at IS NULL
    ORDER BY a.user_id, a.token_id`

export type UserAccountRow = UserAccount & { readonly user_id: string }

/** The accounts of these users, each named once, with their balances and where their settlement stands. */
export function userAccountsStatement(ledgerId: string, userIds: readonly string[]): Statement {
  return { name: "api-user-accounts", text, values: [ledgerId, userIds, changeTypes] }
}

/** The same of one user; none for one that the ledger does not know. */
export async function readUserAccounts(
  db: Kysely<Database>,
  ledgerId: string,
  userId: string,
): Promise<readonly UserAccount[]> {
  const { name, values } = userAccountsStatement(ledgerId, [userId])
  return queryPrepared<UserAccount>(db, name, CompiledQuery.raw(text, [...values]))
}
