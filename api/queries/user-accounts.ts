import { type Kysely, sql } from "kysely"
import { changeTypes } from "../../ledger/domain/events.ts"
import type { Database } from "../../ledger/store/database.ts"

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
  /** Why one of them is in the dead letters; null where none is. */
  readonly sync_error: string | null
  /** Whether the newest change waits to be sealed. */
  readonly is_waiting: boolean
}

/** The accounts of a user with their balances and where their settlement stands; none for a user that the ledger does not know. */
export async function readUserAccounts(
  db: Kysely<Database>,
  ledgerId: string,
  userId: string,
): Promise<readonly UserAccount[]> {
  // The two branches each have a partial index; the newest change is the first step down the account's index.
  const { rows } = await sql<UserAccount>`
    SELECT a.account_id, a.token_id, a.address, b.pending, b.confirmed, b.locked, b.changed_at, b.confirmed_at,
      o.open_batches, o.sync_error, coalesce(n.is_waiting, false) AS is_waiting
    FROM ledger.accounts a
    JOIN ledger.balances b ON b.ledger_id = a.ledger_id AND b.account_id = a.account_id
    CROSS JOIN LATERAL (
      SELECT count(*) AS open_batches,
        max(coalesce(t.last_error, 'the batch is in the dead letters')) FILTER (WHERE t.state = 'dead_letter') AS sync_error
      FROM (
        SELECT batch_sequence FROM settlement.batch_accounts
        WHERE ledger_id = a.ledger_id AND account_id = a.account_id AND state = 'open'
        UNION ALL
        SELECT batch_sequence FROM settlement.batch_accounts
        WHERE ledger_id = a.ledger_id AND account_id = a.account_id AND state = 'reopened'
      ) AS s
      JOIN settlement.batches t ON t.ledger_id = a.ledger_id AND t.batch_sequence = s.batch_sequence
    ) AS o
    LEFT JOIN LATERAL (
      SELECT i.state IS NULL OR i.state = 'waiting' AS is_waiting
      FROM ledger.event_log e
      LEFT JOIN settlement.batch_items i ON i.ledger_id = e.ledger_id AND i.position = e.position
      WHERE e.ledger_id = a.ledger_id AND e.account_id = a.account_id AND e.type = ANY(${[...changeTypes]})
      ORDER BY e.position DESC LIMIT 1
    ) AS n ON true
    WHERE a.ledger_id = ${ledgerId} AND a.user_id = ${userId}
    ORDER BY a.token_id`.execute(db)
  return rows
}
