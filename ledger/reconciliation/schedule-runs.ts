import { type Kysely, sql } from "kysely"
import type { Database } from "../store/database.ts"

/** After a scheduled run that failed the next one need not wait for the whole interval. */
const retryAfterFailureMs = 300_000

/** "recon" in ASCII: who holds this lock decides whether runs are due. */
const scheduleLock = 0x7265636f6en

/**
 * Asks for one complete run of each ledger and token of a chain that has accounts and whose last scheduled run is older than the token's interval. The runs
 * themselves are the schedule's memory, so it survives restarts; the lock lets one worker at a time look and insert.
 * @returns how many runs were asked for
 */
export function scheduleRuns(db: Kysely<Database>, chainId: number): Promise<number> {
  return db.transaction().execute(async (trx) => {
    const { rows } = await sql<{ is_ours: boolean }>`
      SELECT pg_try_advisory_xact_lock(${scheduleLock}) AS is_ours`.execute(trx)
    if (rows[0]?.is_ours !== true) return 0
    const inserted = await sql`
      INSERT INTO ledger.reconciliation_runs (ledger_id, run_id, token_id, trigger, user_id, state, requested_at)
      SELECT h.ledger_id, gen_random_uuid(), t.token_id, 'schedule', NULL, 'requested', now()
      FROM ledger.head h CROSS JOIN registry.tokens t
      WHERE t.chain_id = ${chainId}
        AND NOT EXISTS (
          SELECT FROM ledger.reconciliation_runs r
          WHERE r.ledger_id = h.ledger_id AND r.token_id = t.token_id AND r.trigger = 'schedule'
            AND (r.state = 'requested' OR r.requested_at > now() - interval '1 millisecond' * CASE r.state
              WHEN 'failed' THEN least(t.reconciliation_interval_ms, ${retryAfterFailureMs}) ELSE t.reconciliation_interval_ms END))
        AND EXISTS (
          SELECT FROM ledger.accounts a WHERE a.ledger_id = h.ledger_id AND a.token_id = t.token_id)`.execute(
      trx,
    )
    return Number(inserted.numAffectedRows ?? 0n)
  })
}
