import { type Kysely, sql, type Transaction } from "kysely"
import { driftSize } from "../domain/decide-drift.ts"
import { clearAlarm, raiseAlarm } from "../store/alarms.ts"
import type { Database } from "../store/database.ts"
import type { Comparison, Drift } from "./compare-sides.ts"
import type { ReconciliationRun } from "./reconciliation-run.ts"
import type { Snapshot } from "./take-snapshot.ts"

/**
 * Writes a result, its differences and the alarm about them in one transaction.
 * @returns false where the run has a result already
 */
export function finishRun(
  db: Kysely<Database>,
  run: ReconciliationRun,
  snapshot: Pick<Snapshot, "watermark" | "position">,
  comparison: Comparison,
): Promise<boolean> {
  return db.transaction().execute(async (trx) => {
    if (!(await lockRun(trx, run))) return false
    const { watermark, position } = snapshot
    const { supply, accountsCompared, drifts } = comparison
    await sql`
      UPDATE ledger.reconciliation_runs
      SET state = 'finished', finished_at = clock_timestamp(), block_number = ${watermark.blockNumber}, block_hash = ${watermark.blockHash},
        position = ${position}, accounts_compared = ${accountsCompared}, supply_ledger = ${supply?.ledger ?? null},
        supply_indexer = ${supply?.indexer ?? null}, supply_chain = ${supply?.chain ?? null}, supply_elsewhere = ${supply?.heldElsewhere ?? null}
      WHERE ledger_id = ${run.ledgerId} AND run_id = ${run.runId}`.execute(trx)
    await insertDrifts(trx, run, drifts)
    await tellOfDrifts(trx, run, watermark.blockNumber, drifts)
    return true
  })
}

/** Ends a run that could not be made. @returns false where it has a result already */
export function failRun(db: Kysely<Database>, run: ReconciliationRun, error: string): Promise<boolean> {
  return db.transaction().execute(async (trx) => {
    if (!(await lockRun(trx, run))) return false
    await sql`
      UPDATE ledger.reconciliation_runs SET state = 'failed', finished_at = clock_timestamp(), error = ${error}
      WHERE ledger_id = ${run.ledgerId} AND run_id = ${run.runId}`.execute(trx)
    return true
  })
}

async function lockRun(trx: Transaction<Database>, run: ReconciliationRun): Promise<boolean> {
  const row = await trx
    .selectFrom("ledger.reconciliation_runs")
    .select("state")
    .where("ledger_id", "=", run.ledgerId)
    .where("run_id", "=", run.runId)
    .forUpdate()
    .executeTakeFirst()
  return row?.state === "requested"
}

async function insertDrifts(
  trx: Transaction<Database>,
  run: ReconciliationRun,
  drifts: readonly Drift[],
): Promise<void> {
  if (drifts.length === 0) return
  await sql`
    INSERT INTO ledger.drifts (ledger_id, run_id, drift_id, account_id, ledger_amount, indexer_amount, chain_amount, cause)
    SELECT ${run.ledgerId}, ${run.runId}, gen_random_uuid(), d.* FROM unnest(
      ${drifts.map((drift) => drift.accountId?.toString() ?? null)}::bigint[],
      ${drifts.map((drift) => drift.ledger.toString())}::numeric[],
      ${drifts.map((drift) => drift.indexer.toString())}::numeric[],
      ${drifts.map((drift) => drift.chain.toString())}::numeric[],
      ${drifts.map((drift) => drift.cause)}::text[]) AS d`.execute(trx)
}

/** One alarm per ledger and token. Only a run of all accounts can say that nothing is left. */
async function tellOfDrifts(
  trx: Transaction<Database>,
  run: ReconciliationRun,
  blockNumber: bigint,
  drifts: readonly Drift[],
): Promise<void> {
  const subject = `${run.ledgerId}:${run.tokenId}`
  const large = drifts.filter((drift) => driftSize(drift) > run.driftThreshold)
  if (large.length === 0) {
    if (run.userId === null) await clearAlarm(trx, "drift", subject)
    return
  }
  const accounts = large.filter((drift) => drift.accountId !== null).length
  let largest = 0n
  for (const drift of large) if (driftSize(drift) > largest) largest = driftSize(drift)
  const supply = accounts < large.length ? " and of the supply" : ""
  const message = `ledger, indexer and chain ${run.chainId} differ in ${run.symbol} of ${accounts} accounts${supply} at block ${blockNumber}, by up to ${largest} base units: see reconciliation run ${run.runId}`
  await raiseAlarm(trx, { kind: "drift", subject, ledgerId: run.ledgerId, message })
}
