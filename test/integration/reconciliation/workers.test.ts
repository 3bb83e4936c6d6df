import { type ChildProcess, spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { sql } from "kysely"
import { afterAll, afterEach, beforeAll, expect, test } from "vitest"
import type { ChainView } from "../../../ledger/confirmations/chain-view.ts"
import { attemptRun } from "../../../ledger/reconciliation/attempt-run.ts"
import { findNextRun } from "../../../ledger/reconciliation/find-next-run.ts"
import { scheduleRuns } from "../../../ledger/reconciliation/schedule-runs.ts"
import { reconciliationRequestedChannel } from "../../../ledger/store/channels.ts"
import { inherited } from "../../support/inherited.ts"
import {
  createReconciliationFixture,
  type ReconciliationFixture,
} from "../../support/reconciliation-fixture.ts"
import { type RpcFaultProxy, startRpcFaultProxy } from "../../support/rpc-fault-proxy.ts"
import { insertLedger } from "../../support/test-ledger.ts"
import { waitUntil } from "../../support/wait-until.ts"
import type { WorkerProcessOptions } from "../../support/worker-process.ts"

let loop: ReconciliationFixture
let proxy: RpcFaultProxy
const children = new Set<ChildProcess>()
beforeAll(async () => {
  loop = await createReconciliationFixture()
  await loop.quietSchedule()
  proxy = await startRpcFaultProxy(loop.anvil.rpcUrl)
  await loop.settleAndConfirm([
    ["alice", 100n],
    ["bob", 50n],
  ])
})
afterEach(() => {
  for (const child of children) child.kill("SIGKILL")
})
afterAll(async () => {
  await loop?.close()
  await proxy?.close()
})

/** The worker role's work in a process of its own. */
function startWorker(): { kill(): Promise<void> } {
  const settings: WorkerProcessOptions = {
    databaseUrl: loop.database.appUrl,
    chainId: loop.chainId.toString(),
    rpcUrl: proxy.url,
  }
  const child = spawn(
    process.execPath,
    [fileURLToPath(new URL("../../support/worker-process.ts", import.meta.url))],
    {
      stdio: ["ignore", "ignore", "ignore", "ipc"],
      env: { ...inherited, TEST_WORKER: JSON.stringify(settings) },
    },
  )
  children.add(child)
  const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()))
  return {
    async kill() {
      child.kill("SIGKILL")
      await gone
      children.delete(child)
    },
  }
}

const tilt = (by: bigint) =>
  sql`
    UPDATE ledger.balances b SET confirmed = confirmed + ${by} FROM ledger.accounts a
    WHERE a.ledger_id = b.ledger_id AND a.account_id = b.account_id AND a.user_id = 'alice'`.execute(loop.db)

test("a worker that dies while it reads the chain leaves the run to the next one, which is told at once", async () => {
  proxy.set("eth_call", { fault: "swallow_answer" })
  const runId = await loop.ask()
  const first = startWorker()
  await waitUntil(async () => (proxy.seen.get("eth_call") ?? 0) > 0, { what: "the balances are asked for" })
  await first.kill()
  expect((await loop.run(runId)).state).toBe("requested")
  proxy.clear()
  const second = startWorker()
  expect(await loop.result(runId)).toMatchObject({ state: "finished", drifts: [], accounts_compared: 2 })

  // It looks by itself every five seconds only, and each is asked for right after a look.
  const tookMs: number[] = []
  while (tookMs.length < 3 && !tookMs.some((ms) => ms < 3_000)) {
    const asked = await loop.ask()
    await sql`SELECT pg_notify(${reconciliationRequestedChannel}, '')`.execute(loop.db)
    const startedMs = performance.now()
    await loop.result(asked)
    tookMs.push(performance.now() - startedMs)
  }
  expect(Math.min(...tookMs)).toBeLessThan(3_000)
  await second.kill()
})

test("one that dies while it writes the result leaves nothing of it behind", async () => {
  await tilt(7n)
  const lock = await loop.owner.connect()
  await lock.query("BEGIN")
  // The differences are written after the run's row; nobody else writes there.
  await lock.query("LOCK ledger.drifts IN SHARE ROW EXCLUSIVE MODE")
  const runId = await loop.ask()
  const first = startWorker()
  await waitUntil(
    async () => {
      const { rows } = await sql`
        SELECT FROM pg_stat_activity WHERE application_name = 'test-worker' AND wait_event_type = 'Lock'`.execute(
        loop.db,
      )
      return rows.length > 0
    },
    { what: "the result is about to be committed" },
  )
  await first.kill()
  await lock.query("ROLLBACK")
  lock.release()
  expect(await loop.run(runId)).toMatchObject({ state: "requested", finished_at: null })
  expect(await loop.drifts(runId)).toEqual([])
  const second = startWorker()
  expect((await loop.result(runId)).drifts).toHaveLength(2)
  await second.kill()
  await tilt(-7n)
})

test("of two workers one makes the run", async () => {
  let reads = 0
  const view: ChainView = {
    ...loop.view,
    totalSupply: async (...question) => {
      reads += 1
      await new Promise((resolve) => setTimeout(resolve, 300))
      return loop.view.totalSupply(...question)
    },
  }
  const workers = [loop.work({ view }), loop.work({ view })]
  const runId = await loop.ask()
  for (const worker of workers) worker.wake()
  expect(await loop.result(runId)).toMatchObject({ state: "finished", drifts: [] })
  await Promise.all(workers.map((worker) => worker.stop()))
  expect(reads).toBe(1)
  expect(workers.filter((worker) => worker.status().last_run?.run_id === runId)).toHaveLength(1)
})

test("a run that two workers make nevertheless is finished once", async () => {
  await tilt(7n)
  const runId = await loop.ask()
  const run = await findNextRun(loop.db, Number(loop.chainId), [])
  if (run === undefined) throw new Error("there is no run")
  const both = Promise.withResolvers<void>()
  let arrived = 0
  const view: ChainView = {
    ...loop.view,
    // Both have read everything before either writes.
    totalSupply: async (...question) => {
      arrived += 1
      if (arrived === 2) both.resolve()
      await both.promise
      return loop.view.totalSupply(...question)
    },
  }
  const attempt = () => attemptRun(loop.db, view, run, { onTrouble: () => undefined })
  const outcomes = (await Promise.all([attempt(), attempt()])).map((result) => result.outcome)
  expect(outcomes.sort()).toEqual(["finished", "gone"])
  expect(await loop.drifts(runId)).toHaveLength(2)
  await tilt(-7n)
})

test("each ledger and token with accounts is scheduled once an interval, whoever looks and however often", async () => {
  await loop.db.deleteFrom("ledger.drifts").execute()
  await loop.db.deleteFrom("ledger.reconciliation_runs").execute()
  await insertLedger(loop.db)
  const chainId = Number(loop.chainId)
  const looks = await Promise.all(Array.from({ length: 8 }, () => scheduleRuns(loop.db, chainId)))
  expect(looks.reduce((sum, count) => sum + count, 0)).toBe(1)
  const [scheduled] = await loop.db.selectFrom("ledger.reconciliation_runs").selectAll().execute()
  expect(scheduled).toMatchObject({
    ledger_id: loop.ledgerId,
    token_id: loop.tokenId,
    trigger: "schedule",
    user_id: null,
    state: "requested",
  })
  const worker = loop.work()
  expect(await loop.result(scheduled?.run_id ?? "")).toMatchObject({ state: "finished", drifts: [] })
  await worker.stop()

  const age = (by: string) =>
    sql`UPDATE ledger.reconciliation_runs SET requested_at = requested_at - ${by}::interval`.execute(loop.db)
  await age("59 minutes")
  expect(await scheduleRuns(loop.db, chainId)).toBe(0)
  await loop.db.updateTable("registry.tokens").set({ reconciliation_interval_ms: 3_000_000n }).execute()
  expect(await scheduleRuns(loop.db, chainId)).toBe(1)

  // A failed one is not waited for the whole interval.
  await sql`
    UPDATE ledger.reconciliation_runs SET state = 'failed', finished_at = now(), error = 'for the test'
    WHERE state = 'requested'`.execute(loop.db)
  expect(await scheduleRuns(loop.db, chainId)).toBe(0)
  await age("6 minutes")
  expect(await scheduleRuns(loop.db, chainId)).toBe(1)
})
