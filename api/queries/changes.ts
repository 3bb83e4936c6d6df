import { type Kysely, sql } from "kysely"
import { type ChangeType, changeTypes } from "../../ledger/domain/events.ts"
import type { Database } from "../../ledger/store/database.ts"
import { queryPrepared } from "../../platform/postgres.ts"

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
  readonly type: ChangeType | "SettlementDiscarded" | "DepositObserved" | "WithdrawalObserved"
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
    WHEN i.state = 'discarded' THEN 'discarded'
    WHEN r.position IS NOT NULL THEN 'reversed'
    WHEN NOT ${isChange} THEN CASE WHEN c.revoked_position IS NULL THEN 'confirmed' ELSE 'reversed' END
    WHEN i.state = 'waiting' AND d.account_id IS NOT NULL THEN 'failed'
    WHEN i.state IS NULL OR i.state = 'waiting' THEN 'pending'
    WHEN i.state IN ('settled', 'netted') THEN 'confirmed'
    WHEN b.state IN ('broadcast', 'mined', 'confirmed') THEN 'submitted'
    ELSE 'batching'
  END`

/** The columns of a {@link ChangeRow}, from an event `e` with {@link changeJoins}. */
export const changeColumns = sql`
  e.position, e.type, e.operation_id, e.sequence, a.user_id, a.token_id, e.amount, e.balance_after, e.recorded_at,
  coalesce(e.data->>'reason_type', CASE e.type WHEN 'DepositObserved' THEN 'transfer_in' WHEN 'SettlementDiscarded' THEN 'adjustment' ELSE 'transfer_out' END) AS reason_type,
  coalesce(e.data->>'business_type', CASE e.type WHEN 'DepositObserved' THEN 'deposit' WHEN 'SettlementDiscarded' THEN 'adjustment' ELSE 'withdrawal' END) AS business_type,
  e.data->>'business_batch_id' AS business_batch_id, e.details, e.details IS NULL AND e.details_hash IS NOT NULL AS is_redacted,
  (e.data->>'reversed_position')::bigint AS reverses, r.position AS reversed_by, (e.data->>'hold_position')::bigint AS hold_position,
  ${status} AS status,
  CASE WHEN e.type = 'SettlementDiscarded' THEN NULL WHEN NOT ${isChange} THEN 'chain' WHEN i.state = 'netted' THEN 'netting' WHEN i.batch_sequence IS NOT NULL THEN 'batch' END
    AS settled_by,
  CASE WHEN ${isChange} THEN b.tx_hash ELSE e.data->>'transaction_hash' END AS tx_hash,
  CASE WHEN ${isChange} THEN b.block_number ELSE (e.data->>'block_number')::bigint END AS block_number,
  b.batch_id, b.recipients AS batch_recipients, b.gas_used, b.effective_gas_price,
  CASE WHEN NOT ${isChange} THEN e.recorded_at WHEN i.state = 'settled' THEN b.confirmed_at END AS confirmed_at`

/** What they are read from, beside the event `e` itself. Each event has one row. */
export const changeJoins = sql`
  JOIN ledger.accounts a ON a.ledger_id = e.ledger_id AND a.account_id = e.account_id
  LEFT JOIN settlement.batch_items i ON i.ledger_id = e.ledger_id AND i.position = e.position
  LEFT JOIN settlement.batches b ON b.ledger_id = i.ledger_id AND b.batch_sequence = i.batch_sequence
  LEFT JOIN settlement.dead_letters d
    ON d.ledger_id = i.ledger_id AND d.account_id = i.account_id AND d.closed_at IS NULL AND i.position <= d.through_position
  LEFT JOIN ledger.confirmations c ON c.ledger_id = e.ledger_id AND c.position = e.position AND NOT ${isChange}
  LEFT JOIN ledger.reversals r ON r.ledger_id = e.ledger_id AND r.reversed_position = e.position`

const changeTables = sql`ledger.event_log e ${changeJoins}`

/** Which events of the log are one. */
export const isChangeRow = sql`e.type = ANY(${[...changeTypes, "SettlementDiscarded", "DepositObserved", "WithdrawalObserved"]})`

export type OperationCounts = {
  readonly statuses: ReadonlyMap<ChangeStatus, number>
  readonly total: number
  /** Settled on the chain or by netting, or discarded; a change that was reversed counts when it is. */
  readonly done: number
}

/**
 * The adjustments of one operation, in their order, after `after`; how many of all of them have which status, and how many nothing is to be done about. By one statement: the counts and the
 * adjustments are of one moment.
 */
export async function readOperationChanges(
  db: Kysely<Database>,
  ledgerId: string,
  operation: { readonly firstPosition: bigint; readonly lastPosition: bigint },
  after: bigint | null,
  limit: number,
): Promise<{ readonly counts: OperationCounts; readonly rows: readonly ChangeRow[] }> {
  const ofOperation = sql`
    e.ledger_id = ${ledgerId} AND ${isChange} AND e.position >= ${operation.firstPosition} AND e.position <= ${operation.lastPosition}`
  type Counted = { readonly counts: readonly { status: ChangeStatus; count: number; done: number }[] }
  const query = sql<Counted & (ChangeRow | { readonly position: null })>`
    SELECT counted.counts, page.*
    FROM (
      SELECT coalesce(json_agg(s), '[]') AS counts
      FROM (
        SELECT ${status} AS status, count(*) AS count, count(*) FILTER (WHERE i.state IN ('settled', 'netted', 'discarded')) AS done
        FROM ${changeTables} WHERE ${ofOperation} GROUP BY 1
      ) AS s
    ) AS counted
    LEFT JOIN (
      SELECT ${changeColumns} FROM ${changeTables}
      WHERE ${ofOperation} AND e.position > ${after ?? 0n} ORDER BY e.position LIMIT ${limit}
    ) AS page ON true
    ORDER BY page.position`
  const rows = await queryPrepared(db, "api-operation-changes", query)
  const counts = rows[0]?.counts ?? []
  return {
    counts: {
      statuses: new Map(counts.map((row) => [row.status, row.count])),
      total: counts.reduce((sum, row) => sum + row.count, 0),
      done: counts.reduce((sum, row) => sum + row.done, 0),
    },
    rows: rows.filter((row) => row.position !== null),
  }
}

export async function readChange(
  db: Kysely<Database>,
  ledgerId: string,
  position: bigint,
): Promise<ChangeRow | undefined> {
  const query = sql<ChangeRow>`
    SELECT ${changeColumns} FROM ${changeTables}
    WHERE e.ledger_id = ${ledgerId} AND e.position = ${position} AND ${isChangeRow}`
  return (await queryPrepared(db, "api-change", query))[0]
}
