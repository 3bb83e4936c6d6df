import { type Kysely, sql } from "kysely"
import { describeError } from "../../platform/errors.ts"
import type { Logger } from "../../platform/logger.ts"
import { type Loop, startLoop } from "../../platform/loop.ts"
import type { ChainView } from "../confirmations/chain-view.ts"
import type { Database } from "../store/database.ts"
import { type AttemptResult, attemptRun } from "./attempt-run.ts"
import { findNextRun } from "./find-next-run.ts"
import { failRun } from "./finish-run.ts"
import type { ReconciliationRun } from "./reconciliation-run.ts"
import { scheduleRuns } from "./schedule-runs.ts"

export type ReconciliationLimits = {
  /** How often the queue and the schedule are looked at without being told to. */
  readonly pollMs: number
  /** How long one process tries a run that is not possible. */
  readonly patienceMs: number
  readonly retryMs: number
  readonly retryMsMax: number
  /** Runs that wait for their next attempt; beyond it no other is begun. */
  readonly postponedMax: number
}

const defaultLimits: ReconciliationLimits = {
  pollMs: 5_000,
  patienceMs: 60_000,
  retryMs: 250,
  retryMsMax: 5_000,
  postponedMax: 1_000,
}

/** What this process did last, for its heartbeat. */
export type ReconciliationStatus = {
  readonly last_run: {
    readonly run_id: string
    readonly state: "finished" | "failed"
    readonly block_number: string | null
    readonly accounts_compared: number | null
    readonly drifts: number | null
    readonly took_ms: number
    readonly ended_at: string
  } | null
  readonly postponed: number
  readonly waiting_for: string | null
}

type Postponed = {
  readonly sinceMs: number
  readonly nextMs: number
  readonly delayMs: number
  readonly position: bigint | undefined
}

/**
 * Makes the reconciliation runs of one chain, asked for and scheduled, for as long as the process lives. Any number of processes may run it: the one that holds the chain's lock in
 * Postgres works, the others look again later. The lock belongs to the connection that does the work, so it ends with it.
 */
export function runReconciliation(options: {
  readonly db: Kysely<Database>
  readonly logger: Logger
  readonly chainId: number
  readonly view: ChainView
  readonly limits?: Partial<ReconciliationLimits>
}): Loop & { status(): ReconciliationStatus } {
  const { db, chainId, view } = options
  const limits = { ...defaultLimits, ...options.limits }
  const logger = options.logger.child({ chain_id: chainId })
  const postponed = new Map<string, Postponed>()
  let isStopping = false
  let lastRun: ReconciliationStatus["last_run"] = null
  let waitingFor: string | null = null

  function turn(): Promise<number> {
    return db.connection().execute(async (connection) => {
      if (!(await tryLock(connection, chainId))) {
        // Whoever works now tries the postponed ones as well, with patience of his own.
        postponed.clear()
        return limits.pollMs
      }
      try {
        await scheduleRuns(connection, chainId)
        return await makeRuns(connection)
      } finally {
        await unlock(connection, chainId)
      }
    })
  }

  async function makeRuns(connection: Kysely<Database>): Promise<number> {
    while (!isStopping) {
      const nowMs = performance.now()
      const later = [...postponed].filter(([, one]) => one.nextMs > nowMs)
      if (later.length >= limits.postponedMax) break
      const run = await findNextRun(
        connection,
        chainId,
        later.map(([runId]) => runId),
      )
      if (run === undefined) {
        // Those whose time has come and that are not asked for any more have a result by somebody else.
        for (const [runId, one] of postponed) if (one.nextMs <= nowMs) postponed.delete(runId)
        break
      }
      await make(connection, run)
    }
    const dueMs = [...postponed.values()].map((one) => one.nextMs - performance.now())
    return Math.max(0, Math.min(limits.pollMs, ...dueMs))
  }

  async function make(connection: Kysely<Database>, run: ReconciliationRun): Promise<void> {
    const startedMs = performance.now()
    const context = { run_id: run.runId, ledger_id: run.ledgerId, token: run.symbol }
    const result = await attempt(connection, run)
    if (result.outcome === "not_now") return postpone(connection, run, result)
    postponed.delete(run.runId)
    waitingFor = null
    if (result.outcome === "gone") return
    const tookMs = Math.round(performance.now() - startedMs)
    const { blockNumber, accountsCompared, drifts } = result
    lastRun = {
      run_id: run.runId,
      state: "finished",
      block_number: blockNumber.toString(),
      accounts_compared: accountsCompared,
      drifts,
      took_ms: tookMs,
      ended_at: new Date().toISOString(),
    }
    const figures = { ...context, blockNumber: blockNumber.toString(), accountsCompared, drifts, tookMs }
    if (drifts > 0) logger.error(figures, "a reconciliation found differences")
    else logger.info(figures, "a reconciliation found no difference")
  }

  /** A fault of one run keeps no other waiting; one of the database shows with the next question and ends the turn. */
  async function attempt(connection: Kysely<Database>, run: ReconciliationRun): Promise<AttemptResult> {
    const onTrouble = (reason: string) =>
      logger.warn({ run_id: run.runId, reason }, "the chain could not be read for a reconciliation")
    try {
      return await attemptRun(connection, view, run, {
        position: postponed.get(run.runId)?.position,
        onTrouble,
      })
    } catch (error) {
      logger.error({ run_id: run.runId, fault: describeError(error) }, "a reconciliation broke off")
      return { outcome: "not_now", notNow: "the comparison broke off; the worker's log says why" }
    }
  }

  async function postpone(
    connection: Kysely<Database>,
    run: ReconciliationRun,
    { notNow, position }: Extract<AttemptResult, { outcome: "not_now" }>,
  ): Promise<void> {
    const nowMs = performance.now()
    const known = postponed.get(run.runId)
    const sinceMs = known?.sinceMs ?? nowMs
    if (waitingFor !== notNow) logger.info({ run_id: run.runId, reason: notNow }, "a reconciliation waits")
    waitingFor = notNow
    if (nowMs - sinceMs < limits.patienceMs) {
      const delayMs = known === undefined ? limits.retryMs : Math.min(known.delayMs * 2, limits.retryMsMax)
      postponed.set(run.runId, {
        sinceMs,
        nextMs: nowMs + delayMs,
        delayMs,
        position: position ?? known?.position,
      })
      return
    }
    const waitedSeconds = Math.round((nowMs - sinceMs) / 1_000)
    await failRun(connection, run, `not possible for ${waitedSeconds} s: ${notNow}`)
    postponed.delete(run.runId)
    lastRun = {
      run_id: run.runId,
      state: "failed",
      block_number: null,
      accounts_compared: null,
      drifts: null,
      took_ms: Math.round(nowMs - sinceMs),
      ended_at: new Date().toISOString(),
    }
    logger.error({ run_id: run.runId, reason: notNow, waitedSeconds }, "a reconciliation was given up")
  }

  const loop = startLoop({ name: `reconciliation of chain ${chainId}`, logger, gapMs: 0, turn })
  return {
    ...loop,
    async stop() {
      isStopping = true
      await loop.stop()
    },
    status: () => ({ last_run: lastRun, postponed: postponed.size, waiting_for: waitingFor }),
  }
}

function lockKey(chainId: number) {
  return sql`hashtextextended(${`chainbridge reconciliation ${chainId}`}, 0)`
}

async function tryLock(connection: Kysely<Database>, chainId: number): Promise<boolean> {
  const { rows } = await sql<{ is_ours: boolean }>`
    SELECT pg_try_advisory_lock(${lockKey(chainId)}) AS is_ours`.execute(connection)
  return rows[0]?.is_ours === true
}

async function unlock(connection: Kysely<Database>, chainId: number): Promise<void> {
  await sql`SELECT pg_advisory_unlock(${lockKey(chainId)})`.execute(connection)
}
