import { type Kysely, type RawBuilder, sql } from "kysely"
import { type ChangeType, changeTypes } from "../../ledger/domain/events.ts"
import type { Database } from "../../ledger/store/database.ts"

export const changeStatuses = [
  "pending",
  "batching",
  "submitted",
  "confirmed",
  "failed",
  "reversed",
  "discarded",
] as const
export type ChangeStatus = (typeof changeStatuses)[number]

/** An event that changed one account's balance, with what settlement has made of it so far. */
export type ChangeRow = {
  readonly position: bigint
  readonly type: ChangeType | "DepositObserved" | "WithdrawalObserved"
  readonly operation_id: string | null
  readonly sequence: number | null
  readonly user_id: string
  readonly token_id: number
  readonly amount: bigint
  readonly balance_after: bigint
  readonly recorded_at: Date
  readonly reason_type: string
  readonly business_type: string
  readonly business_batch_id: string | null
  readonly details: { reason_detail: string | null; metadata: Record<string, unknown> } | null
  /** Whether it had details that were erased. */
  readonly is_redacted: boolean
  /** Position of the change that this one takes back, of the one that takes this one back, and of the hold that it captures. */
  readonly reverses: bigint | null
  readonly reversed_by: bigint | null
  readonly hold_position: bigint | null
  readonly status: ChangeStatus
  readonly settled_by: "batch" | "netting" | "chain" | null
  readonly tx_hash: string | null
  readonly block_number: bigint | null
  readonly batch_id: string | null
  readonly batch_recipients: number | null
  readonly gas_used: bigint | null
  readonly effective_gas_price: bigint | null
  readonly confirmed_at: Date | null
}

const isChange = sql`e.type = ANY(${[...changeTypes]})`

// A change has no row in batch_items until the batcher has taken it in: it waits all the same. A sealed change whose batch was cancelled
// stays with it until the cancellation is final.
const status = sql`
  CASE
    WHEN r.position IS NOT NULL THEN 'reversed'
    WHEN NOT ${isChange} THEN CASE WHEN c.revoked_position IS NULL THEN 'confirmed' ELSE 'reversed' END
    WHEN i.state IS NULL OR i.state = 'waiting' THEN 'pending'
    WHEN i.state IN ('settled', 'netted') THEN 'confirmed'
    WHEN i.state = 'discarded' THEN 'discarded'
    WHEN b.state = 'dead_letter' THEN 'failed'
    WHEN b.state IN ('broadcast', 'mined', 'confirmed') THEN 'submitted'
    ELSE 'batching'
  END`

const columns = sql`
  e.position, e.type, e.operation_id, e.sequence, a.user_id, a.token_id, e.amount, e.balance_after, e.recorded_at,
  coalesce(e.data->>'reason_type', CASE e.type WHEN 'DepositObserved' THEN 'transfer_in' ELSE 'transfer_out' END) AS reason_type,
  coalesce(e.data->>'business_type', CASE e.type WHEN 'DepositObserved' THEN 'deposit' ELSE 'withdrawal' END) AS business_type,
  e.data->>'business_batch_id' AS business_batch_id, e.details, e.details IS NULL AND e.details_hash IS NOT NULL AS is_redacted,
  (e.data->>'reversed_position')::bigint AS reverses, r.position AS reversed_by, (e.data->>'hold_position')::bigint AS hold_position,
  ${status} AS status,
  CASE WHEN NOT ${isChange} THEN 'chain' WHEN i.state = 'netted' THEN 'netting' WHEN i.batch_sequence IS NOT NULL THEN 'batch' END
    AS settled_by,
  CASE WHEN ${isChange} THEN b.tx_hash ELSE e.data->>'transaction_hash' END AS tx_hash,
  CASE WHEN ${isChange} THEN b.block_number ELSE (e.data->>'block_number')::bigint END AS block_number,
  b.batch_id, b.recipients AS batch_recipients, b.gas_used, b.effective_gas_price,
  CASE WHEN NOT ${isChange} THEN e.recorded_at WHEN i.state = 'settled' THEN b.confirmed_at END AS confirmed_at`

const tables = sql`
  ledger.event_log e
  JOIN ledger.accounts a ON a.ledger_id = e.ledger_id AND a.account_id = e.account_id
  LEFT JOIN settlement.batch_items i ON i.ledger_id = e.ledger_id AND i.position = e.position
  LEFT JOIN settlement.batches b ON b.ledger_id = i.ledger_id AND b.batch_sequence = i.batch_sequence
  LEFT JOIN ledger.confirmations c ON c.ledger_id = e.ledger_id AND c.position = e.position AND NOT ${isChange}
  LEFT JOIN ledger.reversals r ON r.ledger_id = e.ledger_id AND r.reversed_position = e.position`

const types = sql`e.type = ANY(${[...changeTypes, "DepositObserved", "WithdrawalObserved"]})`

export type HistoryFilter = {
  readonly reasonType: string | undefined
  readonly status: ChangeStatus | undefined
  readonly from: Date | undefined
  readonly to: Date | undefined
}

/** Changes of these accounts, newest first, older than `before` where that is given. Each account is one walk down its index. */
export async function readHistory(
  db: Kysely<Database>,
  ledgerId: string,
  accountIds: readonly bigint[],
  filter: HistoryFilter,
  before: bigint | null,
  limit: number,
): Promise<readonly ChangeRow[]> {
  const conditions: RawBuilder<unknown>[] = [types]
  if (before !== null) conditions.push(sql`e.position < ${before}`)
  if (filter.from !== undefined) conditions.push(sql`e.recorded_at >= ${filter.from}`)
  if (filter.to !== undefined) conditions.push(sql`e.recorded_at < ${filter.to}`)
  const outer: RawBuilder<unknown>[] = [sql`true`]
  if (filter.reasonType !== undefined) outer.push(sql`f.reason_type = ${filter.reasonType}`)
  if (filter.status !== undefined) outer.push(sql`f.status = ${filter.status}`)
  const { rows } = await sql<ChangeRow>`
    SELECT h.* FROM unnest(${accountIds.map(String)}::bigint[]) AS k(account_id)
    CROSS JOIN LATERAL (
      SELECT f.* FROM (
        SELECT ${columns} FROM ${tables}
        WHERE e.ledger_id = ${ledgerId} AND e.account_id = k.account_id AND ${sql.join(conditions, sql` AND `)}
      ) AS f
      WHERE ${sql.join(outer, sql` AND `)}
      ORDER BY f.position DESC LIMIT ${limit}
    ) AS h
    ORDER BY h.position DESC LIMIT ${limit}`.execute(db)
  return rows
}

/** The adjustments of one operation, in their order, after `after`. */
export async function readOperationChanges(
  db: Kysely<Database>,
  ledgerId: string,
  operation: { readonly firstPosition: bigint; readonly lastPosition: bigint },
  after: bigint | null,
  limit: number,
): Promise<readonly ChangeRow[]> {
  const { rows } = await sql<ChangeRow>`
    SELECT ${columns} FROM ${tables}
    WHERE e.ledger_id = ${ledgerId} AND ${isChange} AND e.position <= ${operation.lastPosition}
      AND e.position >= ${operation.firstPosition} AND e.position > ${after ?? 0n}
    ORDER BY e.position LIMIT ${limit}`.execute(db)
  return rows
}

/** How many adjustments of an operation have which status. */
export async function countOperationStatuses(
  db: Kysely<Database>,
  ledgerId: string,
  operation: { readonly firstPosition: bigint; readonly lastPosition: bigint },
): Promise<ReadonlyMap<ChangeStatus, number>> {
  const { rows } = await sql<{ status: ChangeStatus; count: bigint }>`
    SELECT f.status, count(*) AS count FROM (
      SELECT ${columns} FROM ${tables}
      WHERE e.ledger_id = ${ledgerId} AND ${isChange}
        AND e.position BETWEEN ${operation.firstPosition} AND ${operation.lastPosition}
    ) AS f GROUP BY f.status`.execute(db)
  return new Map(rows.map((row) => [row.status, Number(row.count)]))
}

/** The adjustments that a batch folds, in their order, after `after`. */
export async function readBatchChanges(
  db: Kysely<Database>,
  ledgerId: string,
  batchSequence: bigint,
  after: bigint | null,
  limit: number,
): Promise<readonly ChangeRow[]> {
  const { rows } = await sql<ChangeRow>`
    SELECT ${columns} FROM ${tables}
    WHERE i.ledger_id = ${ledgerId} AND i.batch_sequence = ${batchSequence} AND i.position > ${after ?? 0n}
    ORDER BY i.position LIMIT ${limit}`.execute(db)
  return rows
}

export async function readChange(
  db: Kysely<Database>,
  ledgerId: string,
  position: bigint,
): Promise<ChangeRow | undefined> {
  const { rows } = await sql<ChangeRow>`
    SELECT ${columns} FROM ${tables}
    WHERE e.ledger_id = ${ledgerId} AND e.position = ${position} AND ${types}`.execute(db)
  return rows[0]
}
