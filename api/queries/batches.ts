import { type Kysely, type RawBuilder, sql } from "kysely"
import type { BatchState, BatchTrigger, ChainCongestion, Database } from "../../ledger/store/database.ts"
import { queryPrepared } from "../../platform/postgres.ts"
import { type ChangeRow, changeColumns, changeJoins } from "./changes.ts"

export type BatchRow = {
  readonly batch_sequence: bigint
  readonly batch_id: string
  readonly token_id: number
  readonly content_hash: string
  readonly trigger: BatchTrigger
  readonly strategy: string
  readonly congestion: ChainCongestion | null
  readonly size_wanted: number
  readonly recipients: number
  readonly changes: number
  readonly state: BatchState
  readonly gas_estimated: bigint | null
  readonly gas_used: bigint | null
  readonly effective_gas_price: bigint | null
  readonly tx_hash: string | null
  readonly block_number: bigint | null
  readonly failures: number
  readonly last_error: string | null
  readonly cancel_requested_at: Date | null
  readonly oldest_change_at: Date
  readonly sealed_at: Date
  readonly broadcast_at: Date | null
  readonly mined_at: Date | null
  readonly confirmed_at: Date | null
  /** Of its accounts, those that it credits. */
  readonly credited: number
  /** Settled recipients and what single calls for them, and for their changes, would have used; null until that is computed, or where nobody measured it. */
  readonly settled: number | null
  readonly new_holders: number | null
  readonly single_gas_recipients: bigint | null
  readonly single_gas_changes: bigint | null
}

export const batchStatuses = ["preparing", "submitted", "confirmed", "failed"] as const
export type BatchStatus = (typeof batchStatuses)[number]

/** The word that callers read for each state. */
export const batchStatusOf: Readonly<Record<BatchState, BatchStatus>> = {
  sealed: "preparing",
  simulated: "preparing",
  signed: "preparing",
  broadcast: "submitted",
  mined: "submitted",
  confirmed: "confirmed",
  cancelled: "failed",
  dead_letter: "failed",
}

const storedColumns = [
  "batch_sequence",
  "batch_id",
  "token_id",
  "content_hash",
  "trigger",
  "strategy",
  "congestion",
  "size_wanted",
  "recipients",
  "changes",
  "state",
  "gas_estimated",
  "gas_used",
  "effective_gas_price",
  "tx_hash",
  "block_number",
  "failures",
  "last_error",
  "cancel_requested_at",
  "oldest_change_at",
  "sealed_at",
  "broadcast_at",
  "mined_at",
  "confirmed_at",
] as const

const computedColumns = {
  credited: sql`coalesce(credited_recipients, (
    SELECT count(*) FROM settlement.batch_accounts a
    WHERE a.ledger_id = batches.ledger_id AND a.batch_sequence = batches.batch_sequence AND a.delta > 0))::integer`,
  settled: savingColumn("settled_recipients"),
  new_holders: savingColumn("new_holders"),
  single_gas_recipients: savingColumn("single_gas_recipients"),
  single_gas_changes: savingColumn("single_gas_changes"),
}

const columns = sql.join([
  ...storedColumns.map((name) => sql.ref(name)),
  ...Object.entries(computedColumns).map(([name, value]) => sql`${value} AS ${sql.ref(name)}`),
])

/** Figures that were computed for an earlier confirmation say nothing about the batch as it is. */
function savingColumn(name: string): RawBuilder<unknown> {
  return sql`CASE WHEN state = 'confirmed' AND accounted_position = confirmed_position THEN ${sql.ref(name)} END`
}

/** Batches of a ledger, newest first, with a sequence below `before` where that is given. */
export async function readBatches(
  db: Kysely<Database>,
  ledgerId: string,
  filter: { readonly tokenIds: readonly number[] | undefined; readonly status: BatchStatus | undefined },
  before: bigint | null,
  limit: number,
): Promise<readonly BatchRow[]> {
  const conditions: RawBuilder<unknown>[] = [sql`ledger_id = ${ledgerId}`]
  if (before !== null) conditions.push(sql`batch_sequence < ${before}`)
  if (filter.tokenIds !== undefined) conditions.push(sql`token_id = ANY(${[...filter.tokenIds]}::integer[])`)
  if (filter.status !== undefined) {
    const states = Object.entries(batchStatusOf).flatMap(([state, status]) =>
      status === filter.status ? [state] : [],
    )
    conditions.push(sql`state = ANY(${states}::text[])`)
  }
  const { rows } = await sql<BatchRow>`
    SELECT ${columns} FROM settlement.batches WHERE ${sql.join(conditions, sql` AND `)}
    ORDER BY batch_sequence DESC LIMIT ${limit}`.execute(db)
  return rows
}

/** What a batch does to the supply. */
export type BatchOperationType = "batch_mint" | "batch_burn" | "settle"

const prefix = "batch."
const prefixed = sql.join(
  [...storedColumns, ...Object.keys(computedColumns), "credits", "debits"].map(
    (name) => sql`whole.${sql.ref(name)} AS ${sql.raw(`"${prefix}${name}"`)}`,
  ),
)

/**
 * A batch, and the adjustments that it folds in their order, after `after`. By one statement: all of it is of one moment.
 * @returns undefined where there is no such batch
 */
export async function readBatchChanges(
  db: Kysely<Database>,
  ledgerId: string,
  batchId: string,
  after: bigint | null,
  limit: number,
): Promise<
  | {
      readonly batch: BatchRow
      readonly operationType: BatchOperationType
      readonly changes: readonly ChangeRow[]
    }
  | undefined
> {
  // Asked for like this, only the index of batches has the order (read-pool.ts), and each item leads to its event.
  const query = sql<ChangeRow | { readonly position: null }>`
    SELECT ${prefixed}, page.*
    FROM (
      SELECT ${columns}, supply.credits, supply.debits
      FROM settlement.batches
      CROSS JOIN LATERAL (
        SELECT bool_or(s.delta > 0) AS credits, bool_or(s.delta < 0) AS debits FROM settlement.batch_accounts s
        WHERE s.ledger_id = batches.ledger_id AND s.batch_sequence = batches.batch_sequence
      ) AS supply
      WHERE ledger_id = ${ledgerId} AND batch_id = ${batchId}
      -- By itself: else what is counted in it would be counted for each adjustment.
      OFFSET 0
    ) AS whole
    LEFT JOIN LATERAL (
      SELECT ${changeColumns}
      FROM LATERAL (
        SELECT ledger_id, position FROM settlement.batch_items
        WHERE ledger_id = ${ledgerId} AND batch_sequence >= whole.batch_sequence AND batch_sequence <= whole.batch_sequence AND position > ${after ?? 0n}
        ORDER BY batch_sequence, position LIMIT ${limit}
      ) AS p
      CROSS JOIN LATERAL (
        SELECT * FROM ledger.event_log WHERE ledger_id = p.ledger_id AND position = p.position OFFSET 0
      ) AS e ${changeJoins}
    ) AS page ON true
    ORDER BY page.position`
  const rows = await queryPrepared(db, "api-batch-changes", query)
  const [first] = rows
  if (first === undefined) return undefined
  const whole = Object.entries(first).filter(([name]) => name.startsWith(prefix))
  const { credits, debits, ...batch } = Object.fromEntries(
    whole.map(([name, value]) => [name.slice(prefix.length), value]),
  )
  return {
    batch: batch as BatchRow,
    operationType: debits !== true ? "batch_mint" : credits === true ? "settle" : "batch_burn",
    changes: rows.filter((row) => row.position !== null),
  }
}
