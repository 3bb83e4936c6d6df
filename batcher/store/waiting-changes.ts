import { type Kysely, sql } from "kysely"
import type { Database } from "../../ledger/store/database.ts"
import type { WaitingChange } from "../domain/fold.ts"
import { accountsHeldBack } from "./held-back.ts"
import type { LaneKey } from "./leases.ts"

export type WaitingPage = {
  /** In the order of their positions; of accounts that are in no open batch and have no debit that was skipped just now. */
  readonly changes: readonly WaitingChange[]
  readonly accounts: ReadonlyMap<bigint, WaitingAccount>
}

export type WaitingAccount = {
  readonly address: string
  readonly confirmed: bigint
  /** Whether the chain was ever seen to hold something for it. */
  readonly wasConfirmed: boolean
}

/** What a lane has to fold: its oldest waiting changes and, behind a longer queue, the urgent ones with all that comes before them on their accounts. */
export async function loadWaiting(
  db: Kysely<Database>,
  key: LaneKey,
  pageChanges: number,
  /** Accounts that are left out. */
  without: readonly bigint[] = [],
): Promise<WaitingPage> {
  const read = (isUrgentOnly: boolean) => query(db, key, pageChanges, isUrgentOnly, without)
  const oldest = await read(false)
  const rows = oldest.length < pageChanges ? oldest : merge(oldest, await read(true))
  const accounts = new Map<bigint, WaitingAccount>()
  for (const row of rows) {
    if (accounts.has(row.account_id)) continue
    const { address, confirmed, was_confirmed: wasConfirmed } = row
    accounts.set(row.account_id, { address, confirmed, wasConfirmed })
  }
  const changes = rows.map((row) => ({
    position: row.position,
    accountId: row.account_id,
    amount: row.amount,
    priority: row.priority,
    isImmediate: row.is_immediate,
    deadline: row.deadline,
    recordedAt: row.recorded_at,
  }))
  return { changes, accounts }
}

type Row = {
  position: bigint
  account_id: bigint
  amount: bigint
  priority: number
  is_immediate: boolean
  deadline: Date
  recorded_at: Date
  address: string
  confirmed: bigint
  was_confirmed: boolean
}

async function query(
  db: Kysely<Database>,
  key: LaneKey,
  limit: number,
  isUrgentOnly: boolean,
  without: readonly bigint[],
): Promise<Row[]> {
  const { ledgerId, tokenId } = key
  const { rows } = await sql<Row>`
    SELECT i.position, i.account_id, i.amount, i.priority, i.is_immediate, i.deadline, i.recorded_at, a.address, b.confirmed, b.confirmed_at IS NOT NULL AS was_confirmed
    FROM settlement.batch_items i
    JOIN ledger.accounts a ON a.ledger_id = i.ledger_id AND a.account_id = i.account_id
    JOIN ledger.balances b ON b.ledger_id = i.ledger_id AND b.account_id = i.account_id
    WHERE i.ledger_id = ${ledgerId} AND i.token_id = ${tokenId} AND i.state = 'waiting'
      -- NOT IN over a list that does not depend on the row is looked up in a hash, whatever the planner believes about the tables' sizes.
      AND i.account_id NOT IN (
        SELECT o.account_id FROM settlement.batch_accounts o WHERE o.ledger_id = ${ledgerId} AND o.state = 'open'
        UNION ALL
        SELECT r.account_id FROM settlement.batch_accounts r WHERE r.ledger_id = ${ledgerId} AND r.state = 'reopened'
        UNION ALL ${accountsHeldBack(key)}
        UNION ALL SELECT unnest(${without.map(String)}::bigint[]))
      AND (NOT ${isUrgentOnly} OR i.account_id IN (
        SELECT u.account_id FROM settlement.batch_items u
        WHERE u.ledger_id = ${ledgerId} AND u.token_id = ${tokenId} AND u.state = 'waiting' AND (u.is_immediate OR u.priority >= 2)))
    ORDER BY i.position LIMIT ${limit}`.execute(db)
  return rows
}

/** Whether a change that must not wait does. Accounts of open batches are left out: theirs cannot be sealed. */
export async function isUrgentWaiting(
  db: Kysely<Database>,
  { ledgerId, tokenId }: LaneKey,
): Promise<boolean> {
  const { rows } = await sql<{ is_waiting: boolean }>`
    SELECT EXISTS (
      SELECT FROM settlement.batch_items i
      WHERE i.ledger_id = ${ledgerId} AND i.token_id = ${tokenId} AND i.state = 'waiting' AND (i.is_immediate OR i.priority >= 2)
        AND NOT EXISTS (
          SELECT FROM settlement.batch_accounts o
          WHERE o.ledger_id = i.ledger_id AND o.account_id = i.account_id AND o.state = 'open')
        AND NOT EXISTS (
          SELECT FROM settlement.batch_accounts r
          WHERE r.ledger_id = i.ledger_id AND r.account_id = i.account_id AND r.state = 'reopened')
        AND NOT EXISTS (
          SELECT FROM settlement.dead_letters d
          WHERE d.ledger_id = i.ledger_id AND d.account_id = i.account_id AND d.closed_at IS NULL)) AS is_waiting`.execute(
    db,
  )
  return rows[0]?.is_waiting ?? false
}

function merge(first: readonly Row[], second: readonly Row[]): Row[] {
  const rows = new Map<bigint, Row>()
  for (const row of [...first, ...second]) rows.set(row.position, row)
  return [...rows.values()].sort((a, b) => (a.position < b.position ? -1 : 1))
}
