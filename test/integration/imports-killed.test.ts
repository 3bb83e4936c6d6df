import { type ChildProcess, fork } from "node:child_process"
import { once } from "node:events"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import pg from "pg"
import { afterAll, afterEach, beforeAll, expect, test } from "vitest"
import { verifyLedger } from "../../ledger/audit/verify-ledger.ts"
import { createWriterPool } from "../../ledger/writer/writer-pool.ts"
import { startCommitCutter } from "../support/cut-at-commit.ts"
import {
  type ImportCaller,
  readImportOf,
  readRefused,
  runTestImports,
  upload,
  whenEnded,
} from "../support/import-fixture.ts"
import type { ImportProcessOptions } from "../support/import-process.ts"
import { inherited } from "../support/inherited.ts"
import { seedApp } from "../support/seed-registry.ts"
import { startTestApi, type TestApi } from "../support/test-api.ts"
import { waitUntil } from "../support/wait-until.ts"

let api: TestApi
let owner: pg.Client
const children = new Set<ChildProcess>()
const kills = Number(process.env["IMPORT_KILLS"] ?? 4)

beforeAll(async () => {
  api = await startTestApi()
  owner = new pg.Client({ connectionString: api.database.ownerUrl })
  await owner.connect()
})
afterEach(async () => {
  await Promise.all([...children].map(kill))
})
afterAll(async () => {
  await owner?.end()
  await api?.close()
})

type App = ImportCaller & { readonly ledgerId: string }

async function newApp(): Promise<App> {
  const { app, apiKey } = await seedApp(api.db)
  return { server: api.server, apiKey, ledgerId: app.ledgerId }
}

/** The worker's part of imports in a process of its own. */
function startWorker(groupLines: number): ChildProcess {
  const options: ImportProcessOptions = { databaseUrl: api.database.appUrl, groupLines, leaseMs: 400 }
  const child = fork(fileURLToPath(new URL("../support/import-process.ts", import.meta.url)), {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
    env: { ...inherited, TEST_IMPORTS: JSON.stringify(options) },
  })
  children.add(child)
  return child
}

async function kill(child: ChildProcess): Promise<void> {
  children.delete(child)
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, "exit")
  child.kill("SIGKILL")
  await gone
}

/** Few users and little money, so that what is refused depends on every line before it. */
function shortOfMoney(lines: number): string {
  const rows = ["user_id,token_symbol,amount,reason_type,operation_id,sequence"]
  let seed = 7
  const next = (below: number) => {
    seed = (seed * 48_271) % 2_147_483_647
    return seed % below
  }
  for (let line = 0; line < lines; line += 1) {
    if (next(40) === 0) rows.push("broken")
    else if (next(5) === 0) rows.push(lineOf(next(lines / 8), true))
    else rows.push(lineOf(next(1_000_000), false))
  }
  return rows.join("\n")
}

/** Under its own key a number always says the same, or nothing would ever be a replay. */
function lineOf(number: number, isOwnKey: boolean): string {
  const amount = (number % 21) - 12 || 3
  return `u${number % 4},POINT,${amount < 0 ? "" : "+"}${amount},reward,${isOwnKey ? `own-${number},1` : ","}`
}

async function stateOf(app: App, importId: string) {
  const { rows } = await owner.query(
    `SELECT a.user_id, b.pending::text FROM ledger.accounts a JOIN ledger.balances b USING (ledger_id, account_id)
     WHERE a.ledger_id = $1 ORDER BY a.user_id`,
    [app.ledgerId],
  )
  const { lines } = await readImportOf(app, importId)
  const refused = await readRefused(app, importId)
  return { balances: rows, lines, refused: refused.map(({ line, code }) => `${line} ${code}`) }
}

/** Of what is recorded and what is noted there is never one without the other. */
async function expectEqualCounts({ ledgerId }: App, importId: string): Promise<void> {
  // By one statement: the COMMIT of a worker that is dead may still arrive.
  const text = `
    SELECT (SELECT count(*)::int FROM ledger.operations WHERE ledger_id = $1) AS recorded,
      (SELECT applied::int FROM ledger.imports WHERE ledger_id = $1 AND import_id = $2) AS applied`
  const { recorded, applied } = (await owner.query(text, [ledgerId, importId])).rows[0]
  expect(recorded).toBe(applied)
}

/** What the file does when nobody disturbs it. */
async function undisturbed(content: string) {
  const app = await newApp()
  const { data } = await upload(app, content)
  const worker = startWorker(1_000)
  expect(await whenEnded(app, data?.import_id ?? "", 60_000)).toMatchObject({
    state: "finished",
    error: null,
  })
  await kill(worker)
  return stateOf(app, data?.import_id ?? "")
}

test("an import whose workers are killed ends as one that nobody disturbed, and its ledger holds", async () => {
  const content = shortOfMoney(2_500)
  const expected = await undisturbed(content)
  expect(expected.lines.refused).toBeGreaterThan(200)
  expect(expected.lines.replayed).toBeGreaterThan(50)
  const app = await newApp()
  const importId = (await upload(app, content)).data?.import_id ?? ""
  let done = 0
  for (let round = 0; round < kills; round += 1) {
    const worker = startWorker(25)
    const { lines } = await waitUntil(
      async () => {
        const data = await readImportOf(app, importId)
        return (data.lines.done > done || data.state === "finished") && data
      },
      { what: "another group is noted", timeoutMs: 30_000 },
    )
    await sleep(Math.random() * 80)
    await kill(worker)
    done = lines.done
    await expectEqualCounts(app, importId)
  }
  startWorker(25)
  expect(await whenEnded(app, importId, 60_000)).toMatchObject({
    state: "finished",
    bytes: { done: content.length },
  })
  expect(await stateOf(app, importId)).toEqual(expected)
  expect(await verifyLedger(api.db, app.ledgerId)).toMatchObject({ ok: true })
}, 180_000)

test("a COMMIT whose answer is lost, and one that never arrives, settle every line once", async () => {
  const content = shortOfMoney(600)
  const expected = await undisturbed(content)
  const cutter = await startCommitCutter(api.database.appUrl)
  const writerPool = createWriterPool({ databaseUrl: cutter.databaseUrl, applicationName: "test-cut" })
  const imports = runTestImports(api, { writerPool, groupLines: 20 })
  try {
    const app = await newApp()
    const importId = (await upload(app, content)).data?.import_id ?? ""
    for (let cut = 0; (await readImportOf(app, importId)).state !== "finished"; cut += 1) {
      if (cut % 2 === 0) cutter.cutNextCommit()
      else cutter.cutBeforeNextCommit()
      await sleep(100)
    }
    expect(cutter.cuts()).toBeGreaterThan(5)
    expect(await stateOf(app, importId)).toEqual(expected)
    expect(await verifyLedger(api.db, app.ledgerId)).toMatchObject({ ok: true })
  } finally {
    await imports.stop()
    await writerPool.end()
    await cutter.close()
  }
}, 120_000)

test("a worker that was paused and wakes up when others have gone on spoils nothing", async () => {
  const content = shortOfMoney(1_000)
  const expected = await undisturbed(content)
  const app = await newApp()
  const importId = (await upload(app, content)).data?.import_id ?? ""
  const paused = startWorker(20)
  await waitUntil(async () => (await readImportOf(app, importId)).lines.done > 0, { what: "it has begun" })
  paused.kill("SIGSTOP")
  const other = startWorker(20)
  // Where it was paused inside of a transaction, the server ends that after ten seconds.
  expect(await whenEnded(app, importId, 60_000)).toMatchObject({ state: "finished" })
  await kill(other)
  paused.kill("SIGCONT")
  await sleep(1_500)
  expect(paused.exitCode).toBeNull()
  expect(await stateOf(app, importId)).toEqual(expected)
  expect(await verifyLedger(api.db, app.ledgerId)).toMatchObject({ ok: true })
}, 120_000)
