import { type Kysely, sql } from "kysely"
import type { Database } from "../../ledger/store/database.ts"

/** What one day settled of one token. Gas and wei. */
export type SavingsRow = {
  /** Days since 1970, UTC. */
  readonly day: number
  readonly token_id: number
  readonly batches: bigint
  readonly recipients: bigint
  readonly changes: bigint
  readonly netted_changes: bigint
  readonly gas_used: bigint
  /** Σ gas × price. */
  readonly fee: bigint
  /** Batches whose savings are known, and only of those the next figures. */
  readonly batches_measured: bigint
  readonly gas_used_measured: bigint
  readonly new_holders: bigint
  readonly single_gas_recipients: bigint
  readonly single_gas_changes: bigint
  /** Of netted changes whose single calls were measured. */
  readonly netted_measured: bigint
  readonly single_gas_netted: bigint
}

export type SavingsRange = {
  readonly tokenIds: readonly number[]
  /** From the first moment of this day, UTC … */
  readonly fromDay: number
  /** … to the last of this one. */
  readonly throughDay: number
}

/** By day and token, the newest day first, below `before` where that is given: see savingsPosition. */
export async function readSavings(
  db: Kysely<Database>,
  ledgerId: string,
  { tokenIds, fromDay, throughDay }: SavingsRange,
  before: bigint | null,
  limit: number,
): Promise<readonly SavingsRow[]> {
  // A page never reaches above the day that the last one ended in.
  const last = before === null ? throughDay : Math.min(throughDay, Number(before / tokensMax))
  // Nor much below the days that fill it, so that a year costs no more than what is shown of it.
  for (let days = limit; ; days *= 4) {
    const first = Math.max(fromDay, last - days + 1)
    const rows = await sumDays(db, ledgerId, { tokenIds, fromDay: first, throughDay: last }, before, limit)
    if (rows.length === limit || first === fromDay) return rows
  }
}

async function sumDays(
  db: Kysely<Database>,
  ledgerId: string,
  { tokenIds, fromDay, throughDay }: SavingsRange,
  before: bigint | null,
  limit: number,
): Promise<readonly SavingsRow[]> {
  const from = startOf(fromDay)
  const to = startOf(throughDay + 1)
  const ids = sql`ANY(${tokenIds.map(String)}::integer[])`
  const { rows } = await sql<SavingsRow>`
    SELECT day, token_id, sum(batches)::bigint AS batches, sum(recipients)::bigint AS recipients, sum(changes)::bigint AS changes,
      sum(netted_changes)::bigint AS netted_changes, sum(gas_used)::bigint AS gas_used, sum(fee) AS fee,
      sum(batches_measured)::bigint AS batches_measured, sum(gas_used_measured)::bigint AS gas_used_measured, sum(new_holders)::bigint AS new_holders,
      sum(single_gas_recipients)::bigint AS single_gas_recipients, sum(single_gas_changes)::bigint AS single_gas_changes,
      sum(netted_measured)::bigint AS netted_measured, sum(single_gas_netted)::bigint AS single_gas_netted
    FROM (
      SELECT ${dayOf("confirmed_at")} AS day, token_id, count(*) AS batches,
        sum(coalesce(settled_recipients, recipients)) AS recipients, sum(coalesce(settled_changes, changes)) AS changes, 0 AS netted_changes,
        coalesce(sum(gas_used), 0) AS gas_used, coalesce(sum(gas_used * effective_gas_price), 0) AS fee,
        count(*) FILTER (WHERE is_measured) AS batches_measured, coalesce(sum(gas_used) FILTER (WHERE is_measured), 0) AS gas_used_measured,
        coalesce(sum(new_holders), 0) AS new_holders,
        coalesce(sum(single_gas_recipients) FILTER (WHERE is_measured), 0) AS single_gas_recipients,
        coalesce(sum(single_gas_changes) FILTER (WHERE is_measured), 0) AS single_gas_changes,
        0 AS netted_measured, 0 AS single_gas_netted
      FROM (
        SELECT *, coalesce(accounted_position = confirmed_position AND single_gas_changes IS NOT NULL, false) AS is_measured
        FROM settlement.batches
        WHERE ledger_id = ${ledgerId} AND token_id = ${ids} AND state = 'confirmed' AND confirmed_at >= ${from} AND confirmed_at < ${to}) AS b
      GROUP BY 1, 2
      UNION ALL
      SELECT ${dayOf("netted_at")}, token_id, 0, 0, 0, sum(changes), 0, 0, 0, 0, 0, 0, 0,
        coalesce(sum(changes) FILTER (WHERE single_gas_changes IS NOT NULL), 0), coalesce(sum(single_gas_changes), 0)
      FROM settlement.nettings
      WHERE ledger_id = ${ledgerId} AND token_id = ${ids} AND netted_at >= ${from} AND netted_at < ${to}
      GROUP BY 1, 2) AS parts
    WHERE ${before}::bigint IS NULL OR day * ${tokensMax}::bigint + token_id < ${before}
    GROUP BY day, token_id ORDER BY day DESC, token_id DESC LIMIT ${limit}`.execute(db)
  return rows
}

const tokensMax = 2n ** 31n

/** Where a row stands in the order of the list. */
export function savingsPosition(row: SavingsRow): bigint {
  return BigInt(row.day) * tokensMax + BigInt(row.token_id)
}

const dayMs = 86_400_000

function startOf(day: number): Date {
  return new Date(day * dayMs)
}

function dayOf(column: "confirmed_at" | "netted_at") {
  return sql`floor(extract(epoch FROM ${sql.ref(column)}) / 86400)::integer`
}
