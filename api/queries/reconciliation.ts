import { type Kysely, sql } from "kysely"
import type { Database } from "../../ledger/store/database.ts"

export type RunRow = {
  readonly run_id: string
  readonly token_id: number
  readonly trigger: "schedule" | "demand"
  readonly user_id: string | null
  readonly state: "requested" | "finished" | "failed"
  readonly requested_at: Date
  readonly finished_at: Date | null
  readonly block_number: bigint | null
  readonly block_hash: string | null
  readonly position: bigint | null
  readonly accounts_compared: number | null
  readonly supply_ledger: bigint | null
  readonly supply_indexer: bigint | null
  readonly supply_chain: bigint | null
  readonly supply_elsewhere: bigint | null
  readonly error: string | null
}

export type DriftRow = {
  readonly run_id: string
  readonly drift_id: string
  /** null: the total supply. */
  readonly user_id: string | null
  readonly ledger_amount: bigint
  readonly indexer_amount: bigint
  readonly chain_amount: bigint
  readonly cause: string
}

const columns = sql`
  run_id, token_id, trigger, user_id, state, requested_at, finished_at, block_number, block_hash, position, accounts_compared,
  supply_ledger, supply_indexer, supply_chain, supply_elsewhere, error`

/** Of each of these tokens the newest run and the newest that finished, newest first. */
export async function readNewestRuns(
  db: Kysely<Database>,
  ledgerId: string,
  tokenIds: readonly number[],
): Promise<readonly RunRow[]> {
  const { rows } = await sql<RunRow>`
    SELECT DISTINCT r.* FROM unnest(${[...tokenIds]}::integer[]) AS t(token_id)
    CROSS JOIN LATERAL (
      (SELECT ${columns} FROM ledger.reconciliation_runs n
       WHERE n.ledger_id = ${ledgerId} AND n.token_id = t.token_id ORDER BY n.requested_at DESC LIMIT 1)
      UNION ALL
      (SELECT ${columns} FROM ledger.reconciliation_runs f
       WHERE f.ledger_id = ${ledgerId} AND f.token_id = t.token_id AND f.state = 'finished' ORDER BY f.requested_at DESC LIMIT 1)
    ) AS r
    ORDER BY r.requested_at DESC, r.run_id`.execute(db)
  return rows
}

export async function readRun(
  db: Kysely<Database>,
  ledgerId: string,
  runId: string,
): Promise<RunRow | undefined> {
  const { rows } = await sql<RunRow>`
    SELECT ${columns} FROM ledger.reconciliation_runs WHERE ledger_id = ${ledgerId} AND run_id = ${runId}`.execute(
    db,
  )
  return rows[0]
}

/** The first `limit` differences of each run. */
export async function readDrifts(
  db: Kysely<Database>,
  ledgerId: string,
  runIds: readonly string[],
  limit: number,
): Promise<readonly DriftRow[]> {
  const { rows } = await sql<DriftRow>`
    SELECT d.* FROM unnest(${[...runIds]}::uuid[]) AS r(run_id)
    CROSS JOIN LATERAL (
      SELECT x.run_id, x.drift_id, a.user_id, x.ledger_amount, x.indexer_amount, x.chain_amount, x.cause
      FROM ledger.drifts x
      LEFT JOIN ledger.accounts a ON a.ledger_id = x.ledger_id AND a.account_id = x.account_id
      WHERE x.ledger_id = ${ledgerId} AND x.run_id = r.run_id
      ORDER BY x.account_id NULLS FIRST, x.drift_id LIMIT ${limit}
    ) AS d`.execute(db)
  return rows
}

/** How many differences of each cause a run has. */
export async function countDrifts(
  db: Kysely<Database>,
  ledgerId: string,
  runIds: readonly string[],
): Promise<ReadonlyMap<string, Readonly<Record<string, number>>>> {
  const { rows } = await sql<{ run_id: string; cause: string; count: bigint }>`
    SELECT run_id, cause, count(*) AS count FROM ledger.drifts
    WHERE ledger_id = ${ledgerId} AND run_id = ANY(${[...runIds]}::uuid[]) GROUP BY run_id, cause`.execute(db)
  const counts = new Map<string, Record<string, number>>()
  for (const row of rows)
    counts.set(row.run_id, { ...counts.get(row.run_id), [row.cause]: Number(row.count) })
  return counts
}
