import { type ChildProcess, fork } from "node:child_process"
import { once } from "node:events"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import pg from "pg"
import { afterAll, afterEach, beforeAll, expect, test } from "vitest"
import { verifyLedger } from "../../ledger/audit/verify-ledger.ts"
import { type ImportCaller, readImportOf, readRefused, upload, whenEnded } from "../support/import-fixture.ts"
import type { ImportProcessOptions } from "../support/import-process.ts"
import { seedApp } from "../support/seed-registry.ts"
import { startTestApi, type TestApi } from "../support/test-api.ts"
import { waitUntil } from "../support/wait-until.ts"

let api: TestApi
let owner: pg.Client
const children = new Set<ChildProcess>()
const kills = Number(process.env["IMPORT_KILLS"] ?? 6)

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
    env: { PATH: process.env["PATH"], TEST_IMPORTS: JSON.stringify(options) },
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

/** What the file does when nobody disturbs it. */
async function undisturbed(content: string) {
  const app = await newApp()
  const { data } = await upload(app, content)
  const worker = startWorker(1_000)
  expect(await whenEnded(app, data?.import_id ?? "", 60_000)).toMatchObject({ state: "finished" })
  await kill(worker)
  return stateOf(app, data?.import_id ?? "")
}

test("an import whose workers are killed ends as one that nobody disturbed, and its ledger holds", async () => {
  const content = shortOfMoney(6_000)
  const expected = await undisturbed(content)
  expect(expected.lines.refused).toBeGreaterThan(500)
  expect(expected.lines.replayed).toBeGreaterThan(50)
  const app = await newApp()
  const importId = (await upload(app, content)).data?.import_id ?? ""
  let done = 0
  for (let round = 0; round < kills; round += 1) {
    const worker = startWorker(40)
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
  }
  startWorker(40)
  expect(await whenEnded(app, importId, 60_000)).toMatchObject({
    state: "finished",
    bytes: { done: content.length },
  })
  expect(await stateOf(app, importId)).toEqual(expected)
  expect(await verifyLedger(api.db, app.ledgerId)).toMatchObject({ ok: true })
}, 180_000)

test("what was recorded and not noted is neither recorded again nor decided again", async () => {
  // Alone each debit would be paid by what comes after it.
  const lines = Array.from({ length: 60 }, (_, index) => `ann,POINT,${index % 2 === 0 ? "-1" : "+1"},reward`)
  const spends = Array.from({ length: 20 }, () => "ann,POINT,-1,reward")
  const content = ["user_id,token_symbol,amount,reason_type", ...lines, ...spends].join("\n")
  const expected = await undisturbed(content)
  // Nothing is noted any more: the worker stands still with one group behind it and the next one recorded as well.
  await owner.query(`
    CREATE FUNCTION stand_still() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(600); RETURN NEW; END $$;
    CREATE TRIGGER stand_still BEFORE UPDATE OF next_byte ON ledger.imports FOR EACH ROW WHEN (NEW.next_byte > OLD.next_byte) EXECUTE FUNCTION stand_still()`)
  const app = await newApp()
  const importId = (await upload(app, content)).data?.import_id ?? ""
  const worker = startWorker(10)
  await waitUntil(
    async () => {
      const { rows } = await owner.query(
        "SELECT count(*)::int AS n FROM ledger.operations WHERE ledger_id = $1",
        [app.ledgerId],
      )
      return rows[0].n >= 29
    },
    { what: "two groups are recorded", timeoutMs: 30_000 },
  )
  await kill(worker)
  // The dead process' statement still sleeps on the server, with the row locked.
  await owner.query(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'test-imports'",
  )
  await owner.query("DROP TRIGGER stand_still ON ledger.imports")
  expect((await readImportOf(app, importId)).lines.done).toBe(0)
  startWorker(10)
  await whenEnded(app, importId, 30_000)
  expect(await stateOf(app, importId)).toEqual(expected)
}, 120_000)
