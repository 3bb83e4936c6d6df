import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import { sql } from "kysely"
import { afterAll, beforeAll, expect, test } from "vitest"
import { allProjections } from "../../../ledger/projections/async/all-projections.ts"
import { fillLedger } from "../../support/fill-ledger.ts"
import { inherited } from "../../support/inherited.ts"
import { findDifferenceFromLog, startProjections, whenCurrent } from "../../support/projection-fixture.ts"
import type { ProjectionProcessOptions } from "../../support/projection-process.ts"
import { createTestLedger, type TestLedger } from "../../support/test-ledger.ts"
import { waitUntil } from "../../support/wait-until.ts"
import { writeContinuously } from "../../support/write-continuously.ts"

let ledger: TestLedger
const children = new Set<ChildProcess>()
beforeAll(async () => {
  ledger = await createTestLedger()
  await fillLedger(ledger, 50)
})
afterAll(async () => {
  for (const child of children) child.kill("SIGKILL")
  await ledger?.close()
})

function startWorker(applicationName: string): { kill(): Promise<unknown> } {
  const options: ProjectionProcessOptions = { databaseUrl: ledger.database.appUrl, applicationName }
  const child = spawn(
    process.execPath,
    [fileURLToPath(new URL("../../support/projection-process.ts", import.meta.url))],
    {
      stdio: ["ignore", "ignore", "inherit", "ipc"],
      env: { ...inherited, TEST_PROJECTIONS: JSON.stringify(options), LOG_LEVEL: "fatal" },
    },
  )
  children.add(child)
  return {
    kill() {
      const gone = once(child, "exit")
      child.kill("SIGKILL")
      return gone
    },
  }
}

const positions = async () => {
  const { rows } = await sql<{ name: string; position: bigint }>`
    SELECT name, position FROM ledger.projection_checkpoints ORDER BY name`.execute(ledger.db)
  return Object.fromEntries(rows.map(({ name, position }) => [name, position]))
}

const expectEqualToLog = async () => {
  await whenCurrent(ledger.db)
  for (const projection of allProjections)
    expect(await findDifferenceFromLog(ledger.db, projection, ledger.ledgerId)).toBeNull()
}

/** In each projection the table that its last statement writes, and one that an earlier one has written by then. */
test.each([
  ["history", "history_fates_v2_1", "history_v2_1"],
  ["operation_status", "operation_batches_v2_1", "operation_status_v2_1"],
  ["daily_totals", "daily_totals_v2_1", "daily_totals_v2_1"],
])(
  "a worker that is killed in the middle of a page of %s leaves nothing of it",
  async (name, blocked, written) => {
    await expectCaughtUp()
    const before = await positions()
    const { rows: held } = await sql<{
      n: bigint
    }>`SELECT count(*) AS n FROM analytics.${sql.ref(written)}`.execute(ledger.db)
    const holder = await ledger.pool.connect()
    await holder.query("BEGIN")
    await holder.query("SET LOCAL idle_in_transaction_session_timeout = 0")
    await holder.query(`LOCK TABLE analytics.${blocked} IN SHARE MODE`)
    await fillLedger(ledger, 700)
    const worker = startWorker("killed-worker")
    await waitUntil(
      async () => {
        const { rows } = await sql`
        SELECT FROM pg_stat_activity WHERE application_name = 'killed-worker' AND wait_event_type = 'Lock'`.execute(
          ledger.db,
        )
        return rows.length > 0
      },
      { what: "a page waits with its first rows written", timeoutMs: 20_000 },
    )
    await worker.kill()
    await holder.query("ROLLBACK")
    holder.release()
    await waitUntil(
      async () => {
        const { rows } = await sql`
        SELECT FROM pg_stat_activity WHERE application_name = 'killed-worker'`.execute(ledger.db)
        return rows.length === 0
      },
      { what: "the server has noticed" },
    )
    expect((await positions())[name]).toBe(before[name])
    const { rows: left } = await sql<{
      n: bigint
    }>`SELECT count(*) AS n FROM analytics.${sql.ref(written)}`.execute(ledger.db)
    expect(left).toEqual(held)
    await expectCaughtUp()
  },
)

async function expectCaughtUp(): Promise<void> {
  const worker = startProjections(ledger.db)
  await expectEqualToLog()
  await worker.stop()
}

test("of two workers one takes a page, and after it is killed the other goes on", async () => {
  const load = writeContinuously(ledger)
  const workers = [startWorker("first-worker"), startWorker("second-worker")]
  const moved = async (since: Record<string, bigint>) => {
    const now = await positions()
    return Object.keys(now).every((name) => (now[name] ?? 0n) > (since[name] ?? 0n) + 200n)
  }
  const start = await positions()
  await waitUntil(() => moved(start), { what: "pages are taken", timeoutMs: 30_000 })
  for (const projection of allProjections)
    expect(await findDifferenceFromLog(ledger.db, projection, ledger.ledgerId)).toBeNull()
  await workers[0]?.kill()
  const then = await positions()
  await waitUntil(() => moved(then), { what: "the other one goes on", timeoutMs: 30_000 })
  await load.stop()
  await expectEqualToLog()
  await workers[1]?.kill()
})
