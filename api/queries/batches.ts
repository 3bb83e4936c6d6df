import { type Kysely, type RawBuilder, sql } from "kysely"
import type { BatchState, BatchTrigger, ChainCongestion, Database } from "../../ledger/store/database.ts"

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

const columns = sql`
  batch_sequence, batch_id, token_id, content_hash, trigger, strategy, congestion, size_wanted, recipients, changes, state, gas_estimated, gas_used,
  effective_gas_price, tx_hash, block_number, failures, last_error, cancel_requested_at, oldest_change_at, sealed_at, broadcast_at, mined_at, confirmed_at,
  coalesce(credited_recipients, (
    SELECT count(*) FROM settlement.batch_accounts a
    WHERE a.ledger_id = batches.ledger_id AND a.batch_sequence = batches.batch_sequence AND a.delta > 0))::integer AS credited,
  ${savingColumn("settled_recipients", "settled")}, ${savingColumn("new_holders")}, ${savingColumn("single_gas_recipients")}, ${savingColumn("single_gas_changes")}`

/** Figures that were computed for an earlier confirmation say nothing about the batch as it is. */
function savingColumn(name: string, as: string = name): RawBuilder<unknown> {
  return sql`CASE WHEN state = 'confirmed' AND accounted_position = confirmed_position THEN ${sql.ref(name)} END AS ${sql.ref(as)}`
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

export async function readBatch(
  db: Kysely<Database>,
  ledgerId: string,
  batchId: string,
): Promise<BatchRow | undefined> {
  const { rows } = await sql<BatchRow>`
    SELECT ${columns} FROM settlement.batches WHERE ledger_id = ${ledgerId} AND batch_id = ${batchId}`.execute(
    db,
  )
  return rows[0]
}

/** What a batch does to the supply, from the deltas of its accounts. */
export async function readBatchOperationType(
  db: Kysely<Database>,
  ledgerId: string,
  batchSequence: bigint,
): Promise<"batch_mint" | "batch_burn" | "settle"> {
  const { rows } = await sql<{ credits: boolean; debits: boolean }>`
    SELECT bool_or(delta > 0) AS credits, bool_or(delta < 0) AS debits FROM settlement.batch_accounts
    WHERE ledger_id = ${ledgerId} AND batch_sequence = ${batchSequence}`.execute(db)
  if (rows[0]?.debits !== true) return "batch_mint"
  return rows[0].credits ? "settle" : "batch_burn"
}
