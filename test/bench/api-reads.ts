// `npm run bench:api-reads`: how many balances a second one API process answers, from PostgreSQL and from its memory, and how long one takes at half of that.
import { once } from "node:events"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { parseArgs } from "node:util"
import pg from "pg"
import { type BenchCluster, type BenchDatabase, loadText, startBenchCluster } from "./bench-cluster.ts"
import { cpuSecondsOf } from "./cpu-seconds.ts"
import { type BenchProcess, startBenchProcess } from "./load-process.ts"
import type { ReadOrder, ReadResult } from "./read-order.ts"
import { seedLog } from "./seed-log.ts"
import { shippedReasons } from "./shipped-reasons.ts"

const help = `npm run bench:api-reads -- [--events N] [--users N] [--connections C] [--seconds S] [--rounds R] [--processes P] [--writes W] [--json FILE]

Fills a ledger of a PostgreSQL of its own, starts the API role, and asks for GET /balance/{user} of random users with C connections: as fast as it answers, then
at half of that rate. From the database (Cache-Control: no-store), from memory, and from memory while W adjustments a second are recorded.
--events       100,000 unless named, of which nine tenths are settled
--users        10,000
--connections  64
--seconds      of each measurement, 5
--rounds       in turns, 3
--processes    of the API, one after the other: 1,2
--writes       200
`

const { values: flags } = parseArgs({
  options: {
    events: { type: "string", default: "100000" },
    users: { type: "string", default: "10000" },
    connections: { type: "string", default: "64" },
    seconds: { type: "string", default: "5" },
    rounds: { type: "string", default: "3" },
    processes: { type: "string", default: "1,2" },
    writes: { type: "string", default: "200" },
    json: { type: "string" },
    help: { type: "boolean" },
  },
})

type Case = { readonly name: string; readonly headers: string; readonly writes: number }
type Measured = {
  readonly processes: number
  readonly case: string
  readonly per_second: number
  readonly p50_ms: number
  readonly p99_ms: number
  readonly half_per_second: number
  readonly half_p50_ms: number
  readonly half_p99_ms: number
  readonly api_us_per_request: number
}

const cases: readonly Case[] = [
  { name: "database", headers: "cache-control: no-store\r\n", writes: 0 },
  { name: "memory", headers: "", writes: 0 },
  { name: `memory, ${flags.writes} writes/s`, headers: "", writes: Number(flags.writes) },
]

if (flags.help === true) process.stdout.write(help)
else await main()

async function main(): Promise<void> {
  const cluster = await startBenchCluster()
  const processes: BenchProcess[] = []
  try {
    console.log(await cluster.describe())
    const database = await cluster.createDatabase("api_reads")
    const paths = await seed(database)
    console.log(`${flags.events} events of ${paths.length} users`)
    const apis: BenchProcess[] = []
    const rows: Measured[] = []
    for (const count of flags.processes.split(",").map(Number)) {
      while (apis.length < count) {
        const api = await startApi(cluster, database)
        apis.push(api)
        processes.push(api)
      }
      const used = apis.slice(0, count)
      const apiKey = database.ledgers[0]?.apiKey ?? ""
      const targets = used.map((api) => ({ apiUrl: urlOf(api), apiKey }))
      const load = await startLoad(cluster, targets)
      processes.push(load)
      for (let round = 0; round < Number(flags.rounds); round += 1) {
        for (const one of cases) {
          const row = await measure(one, paths, used, load, targets)
          console.log(describe(row))
          rows.push(row)
        }
      }
      load.child.disconnect()
    }
    console.log(`load average after ${loadText()}`)
    if (flags.json !== undefined) writeFileSync(flags.json, `${JSON.stringify({ rows }, null, 2)}\n`)
  } finally {
    for (const { child } of processes) if (child.connected) child.disconnect()
    for (const { child } of processes) if (child.exitCode === null) await once(child, "exit")
    await cluster.close()
  }
}

async function seed(database: BenchDatabase): Promise<string[]> {
  const ledgerId = database.ledgers[0]?.ledgerId ?? ""
  await seedLog({
    databaseUrl: database.ownerUrl,
    ledgerId,
    tokenId: database.tokenId,
    reasons: shippedReasons(),
    events: Number(flags.events),
    users: Number(flags.users),
    settledShare: 0.9,
  })
  const client = new pg.Client({ connectionString: database.ownerUrl })
  await client.connect()
  try {
    await client.query("VACUUM ANALYZE")
    const { rows } = await client.query<{ user_id: string }>(
      "SELECT DISTINCT user_id FROM ledger.accounts WHERE ledger_id = $1",
      [ledgerId],
    )
    return rows.map(({ user_id }) => `/balance/${user_id}`)
  } finally {
    await client.end()
  }
}

type Target = { readonly apiUrl: string; readonly apiKey: string }

function urlOf({ ready }: BenchProcess): string {
  return (ready as { details: { url: string } }).details.url
}

function startApi(cluster: BenchCluster, { appUrl }: BenchDatabase): Promise<BenchProcess> {
  return startBenchProcess(
    new URL("../../cli/main.ts", import.meta.url),
    { DATABASE_URL: appUrl, HOST: "127.0.0.1", PORT: "0" },
    join(cluster.directory, "api.log"),
    ["api"],
  )
}

function startLoad(cluster: BenchCluster, targets: readonly Target[]): Promise<BenchProcess> {
  const environment = { BENCH_TARGETS: JSON.stringify(targets) }
  return startBenchProcess(
    new URL("./read-load.ts", import.meta.url),
    environment,
    join(cluster.directory, "load.log"),
  )
}

async function order({ child }: BenchProcess, what: ReadOrder): Promise<ReadResult> {
  child.send(what)
  const [reply] = (await once(child, "message")) as [{ result: ReadResult } | { error: string }]
  if ("error" in reply) throw new Error(reply.error)
  return reply.result
}

async function measure(
  { name, headers, writes }: Case,
  paths: readonly string[],
  apis: readonly BenchProcess[],
  load: BenchProcess,
  targets: readonly Target[],
): Promise<Measured> {
  const connections = Number(flags.connections)
  const base = { paths, headers, connections }
  const [target] = targets
  const writing = writes > 0 && target !== undefined ? write(target, writes, paths.length) : undefined
  const cpuSeconds = () => apis.reduce((sum, { child }) => sum + cpuSecondsOf(child.pid ?? 0), 0)
  try {
    // Warms the code up, and memory where it counts.
    await order(load, { ...base, seconds: 2, perSecond: null })
    const before = cpuSeconds()
    const full = await order(load, { ...base, seconds: Number(flags.seconds), perSecond: null })
    const used = cpuSeconds() - before
    const halfRate = Math.round(full.perSecond / 2)
    const half = await order(load, { ...base, seconds: Number(flags.seconds), perSecond: halfRate })
    return {
      processes: apis.length,
      case: name,
      per_second: Math.round(full.perSecond),
      p50_ms: round(full.p50Ms),
      p99_ms: round(full.p99Ms),
      half_per_second: Math.round(half.perSecond),
      half_p50_ms: round(half.p50Ms),
      half_p99_ms: round(half.p99Ms),
      api_us_per_request: Math.round((used * 1_000_000) / full.requests),
    }
  } finally {
    await writing?.stop()
  }
}

/** Single adjustments of users that nobody reads, evenly. */
function write({ apiUrl, apiKey }: Target, perSecond: number, users: number): { stop(): Promise<void> } {
  const underWay = new Set<Promise<unknown>>()
  let sent = 0
  const began = performance.now()
  const timer = setInterval(() => {
    while (sent < ((performance.now() - began) * perSecond) / 1_000 && underWay.size < 100) {
      sent += 1
      const adjustment = {
        user_id: `writer_${Math.floor(Math.random() * users)}`,
        token_symbol: "CPOP",
        amount: "+1",
        reason_type: "reward",
      }
      const one: Promise<unknown> = fetch(`${apiUrl}/api/v1/balance/adjust`, {
        method: "POST",
        headers: { authorization: `Bearer ${apiKey}`, "content-type": "application/json" },
        body: JSON.stringify({ adjustments: [adjustment] }),
      })
        .then((response) => response.text())
        .finally(() => underWay.delete(one))
      underWay.add(one)
    }
  }, 5)
  return {
    async stop() {
      clearInterval(timer)
      await Promise.allSettled(underWay)
    },
  }
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}

function describe(row: Measured): string {
  const full = `${String(row.per_second).padStart(7)}/s (${row.p50_ms} / ${row.p99_ms} ms)`
  const half = `${String(row.half_per_second).padStart(7)}/s (${row.half_p50_ms} / ${row.half_p99_ms} ms)`
  return `${row.processes} ${row.case.padEnd(22)} ${full.padEnd(32)} half: ${half.padEnd(32)} ${row.api_us_per_request} µs of the API's processor a request`
}
