// `npm run bench:projections`: how fast each projection is rebuilt from a log that is there, and what a worker that follows costs the writer.
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { parseArgs } from "node:util"
import { type Kysely, sql } from "kysely"
import { allProjections } from "../../ledger/projections/async/all-projections.ts"
import { beginRebuild } from "../../ledger/projections/async/begin-build.ts"
import { createFiller } from "../../ledger/projections/async/catch-up.ts"
import { compareBuild } from "../../ledger/projections/async/compare-build.ts"
import { readProgress } from "../../ledger/projections/async/read-progress.ts"
import { indexBuild, serveBuild } from "../../ledger/projections/async/serve-build.ts"
import type { Database } from "../../ledger/store/database.ts"
import { createLogger } from "../../platform/logger.ts"
import { createKysely, createPool } from "../../platform/postgres.ts"
import { type BenchDatabase, loadText, startBenchCluster } from "./bench-cluster.ts"
import { runOrder, startBenchProcess } from "./load-process.ts"
import { seedLog } from "./seed-log.ts"
import { shippedReasons } from "./shipped-reasons.ts"

const { values: flags } = parseArgs({
  options: {
    events: { type: "string", default: "1000000" },
    users: { type: "string", default: "100000" },
    settled: { type: "string", default: "0.9" },
    seconds: { type: "string", default: "6" },
    rounds: { type: "string", default: "3" },
  },
})
const logger = createLogger("bench", "error")
const programs = {
  writer: new URL("./writer-load.ts", import.meta.url),
  worker: new URL("../support/projection-process.ts", import.meta.url),
}

const cluster = await startBenchCluster()
try {
  const database = await cluster.createDatabase("projections")
  console.log(await cluster.describe())
  await seed(database)
  await measureRebuilds(database)
  await measureWriter(database)
  console.log(`load average ${loadText()}`)
} finally {
  await cluster.close()
}

function open({ appUrl }: BenchDatabase): Kysely<Database> {
  return createKysely<Database>(
    createPool({ databaseUrl: appUrl, applicationName: "bench-projections", connectionsMax: 1 }),
  )
}

async function seed({ ownerUrl, tokenId, ledgers }: BenchDatabase): Promise<void> {
  const seeded = await seedLog({
    databaseUrl: ownerUrl,
    ledgerId: ledgers[0]?.ledgerId ?? "",
    tokenId,
    reasons: shippedReasons(),
    events: Number(flags.events),
    users: Number(flags.users),
    settledShare: Number(flags.settled),
  })
  console.log(
    `${seeded.events} events of ${seeded.accounts} accounts, one adjustment an operation, ${flags.settled} of them settled`,
  )
}

/** What the server's process has computed, where this machine is the server's. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? []
  return (Number(fields[11]) + Number(fields[12])) / 100
}

async function measureRebuilds(database: BenchDatabase): Promise<void> {
  const db = open(database)
  const events = Number(flags.events)
  const { rows: backends } = await sql<{ pid: number }>`SELECT pg_backend_pid() AS pid`.execute(db)
  const pid = backends[0]?.pid ?? 0
  const timed = async <Result>(work: () => Promise<Result>) => {
    const [began, cpu] = [performance.now(), cpuSeconds(pid)]
    const result = await work()
    return { result, seconds: (performance.now() - began) / 1_000, cpu: cpuSeconds(pid) - cpu }
  }
  const rows = []
  for (const projection of allProjections) {
    const key = await beginRebuild(db, projection)
    if (key === null) throw new Error("a build is in the way")
    const build = { ...key, projection }
    const filled = await timed(() => createFiller(db, logger).fill(build, () => true))
    const indexed = await timed(() => indexBuild(db, build, () => undefined))
    const served = await timed(() => serveBuild(db, build))
    const ledgerId = database.ledgers[0]?.ledgerId ?? ""
    const head = (await readProgress(db, ledgerId))[0]?.ledgers[0]?.head ?? 0n
    const compared = await timed(() =>
      db.transaction().execute((trx) => compareBuild(trx, build, ledgerId, head)),
    )
    if (!served.result || compared.result !== null)
      throw new Error(`${projection.name}: ${compared.result?.problem}`)
    rows.push({
      projection: projection.name,
      "events/s": Math.round(events / (filled.seconds + indexed.seconds)),
      "events/cpu s": Math.round(events / (filled.cpu + indexed.cpu)),
      "fill s": round(filled.seconds),
      "index s": round(indexed.seconds),
      "swap ms": Math.round(served.seconds * 1_000),
      "compare events/cpu s": Math.round(events / compared.cpu),
    })
  }
  console.table(rows)
  await db.destroy()
}

/** In turns, so that what else the machine does meets both. */
async function measureWriter(database: BenchDatabase): Promise<void> {
  const ledgerId = database.ledgers[1]?.ledgerId ?? ""
  const log = (name: string) => join(cluster.directory, `${name}.log`)
  const writer = await startBenchProcess(
    programs.writer,
    {
      DATABASE_URL: database.appUrl,
      BENCH_LEDGERS: JSON.stringify([{ ledgerId, tokenId: database.tokenId }]),
    },
    log("writer"),
  )
  const db = open(database)
  const order = { users: 100_000, pick: "uniform", perRequest: 1_000, connections: 2, targets: [0] } as const
  await runOrder(writer, { ...order, pick: "each", connections: 1, seconds: 600, operations: 100 })
  const rows = []
  for (let round = 0; round < Number(flags.rounds); round += 1) {
    for (const isFollowed of [false, true]) {
      const worker = isFollowed ? await startWorker(database, log("worker")) : undefined
      if (worker !== undefined) await whenCurrent(db, ledgerId)
      const measured = runOrder(writer, { ...order, seconds: Number(flags.seconds) })
      const lags: number[] = []
      let isRunning = worker !== undefined
      const watching = (async () => {
        for (; isRunning; await sleep(250)) lags.push(await lagOf(db, ledgerId))
      })()
      const result = await measured
      isRunning = false
      await watching
      const began = performance.now()
      if (worker !== undefined) await whenCurrent(db, ledgerId)
      rows.push({
        worker: isFollowed ? "follows" : "off",
        "adjustments/s": Math.round(result.adjustments / result.seconds),
        "p99 ms": Math.round(result.p99Ms),
        "lag in events, mean":
          lags.length === 0 ? null : Math.round(lags.reduce((sum, lag) => sum + lag, 0) / lags.length),
        largest: lags.length === 0 ? null : Math.max(...lags),
        "current after ms": worker === undefined ? null : Math.round(performance.now() - began),
      })
      worker?.disconnect()
    }
  }
  console.table(rows)
  writer.child.disconnect()
  await db.destroy()
}

async function startWorker(database: BenchDatabase, log: string) {
  const options = { databaseUrl: database.appUrl, applicationName: "bench-worker" }
  const { child } = await startBenchProcess(
    programs.worker,
    { TEST_PROJECTIONS: JSON.stringify(options), LOG_LEVEL: "error" },
    log,
  )
  return child
}

async function lagOf(db: Kysely<Database>, ledgerId: string): Promise<number> {
  const builds = await readProgress(db, ledgerId)
  return Math.max(
    ...builds.flatMap(({ ledgers }) => ledgers.map(({ head, position }) => Number(head - position))),
  )
}

async function whenCurrent(db: Kysely<Database>, ledgerId: string): Promise<void> {
  while ((await lagOf(db, ledgerId)) > 0) await sleep(50)
}

function round(seconds: number): number {
  return Math.round(seconds * 10) / 10
}
