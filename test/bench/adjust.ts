// `npm run bench:adjust`: how long an adjustment takes until it is recorded, and how many there are in a second, side by side with a plain writer
// (plain-writer.ts) behind the same API on the same PostgreSQL.
import { type ChildProcess, fork } from "node:child_process"
import { once } from "node:events"
import { writeFileSync } from "node:fs"
import { loadavg } from "node:os"
import { createHistogram } from "node:perf_hooks"
import { parseArgs } from "node:util"
import pg from "pg"
import { readStackFile } from "../../cli/stack/stack-file.ts"
import { endStack, startStack } from "../support/stack.ts"
import { type LoadResult, type System, sendAdjustments } from "./send-adjustments.ts"

const help = `npm run bench:adjust -- [--data-dir DIR | --url URL --key KEY] [--json FILE]

Without options it starts a stack of its own. --data-dir names one that runs. --url and --key measure any API, without the
baseline, which needs the database.
`
// All of it within a minute, the start of a stack included, unless the machine has no time for it.
const sequentialRequests = 2_000
const sequentialSecondsMax = 24
const blockRequests = 100
const rounds = 3
const roundSeconds = 2
const warmUpSeconds = 3

type Row = {
  readonly system: System["name"]
  readonly case: string
  readonly requests: number
  readonly per_second: number
  readonly p50_ms: number
  readonly p95_ms: number
  readonly p99_ms: number
  readonly max_ms: number
}

const { values: flags } = parseArgs({
  options: {
    "data-dir": { type: "string" },
    url: { type: "string" },
    key: { type: "string" },
    json: { type: "string" },
    help: { type: "boolean" },
  },
})
if (flags.help === true) process.stdout.write(help)
else await main()

async function main(): Promise<void> {
  const target = await findTarget()
  let baseline: { readonly system: System; readonly child: ChildProcess } | undefined
  try {
    if (target.databaseUrl !== undefined) {
      console.log(await describe(target.databaseUrl))
      baseline = await startBaseline(target.databaseUrl)
    }
    const systems = [target.system, ...(baseline === undefined ? [] : [baseline.system])]
    for (const system of systems) {
      const { latencyUs } = await sendAdjustments(system, 1, { requests: 1 })
      console.log(
        `${system.name}: first request ${ms(latencyUs.max)} ms, then ${warmUpSeconds} s to warm up and open accounts`,
      )
      await sendAdjustments(system, 4, { seconds: warmUpSeconds })
    }
    const rows = [...(await measureSequential(systems)), ...(await measureParallel(systems, 16))]
    rows.push(...(await measureParallel(systems, 128)))
    print(rows)
    if (flags.json !== undefined) writeFileSync(flags.json, `${JSON.stringify({ rows }, null, 2)}\n`)
  } finally {
    baseline?.child.disconnect()
    await target.close()
  }
}

/** One connection, one request after the other; the systems take turns, so that what else the machine does meets both. */
async function measureSequential(systems: readonly System[]): Promise<Row[]> {
  const all = systems.map((system) => ({ system, latencyUs: createHistogram(), seconds: 0 }))
  const deadline = performance.now() + sequentialSecondsMax * 1_000
  for (let sent = 0; sent < sequentialRequests && performance.now() < deadline; sent += blockRequests) {
    for (const entry of all) {
      // The baseline is several times slower, and its percentiles need no more.
      const requests = entry.system.name === "http" ? blockRequests : blockRequests / 4
      const result = await sendAdjustments(entry.system, 1, { requests })
      entry.latencyUs.add(result.latencyUs)
      entry.seconds += result.requests / result.perSecond
    }
  }
  return all.map(({ system, latencyUs, seconds }) =>
    toRow(system, 1, { requests: latencyUs.count, perSecond: latencyUs.count / seconds, latencyUs }),
  )
}

/** The best of three rounds of each, in turns. */
async function measureParallel(systems: readonly System[], connections: number): Promise<Row[]> {
  const best = new Map<System, LoadResult>()
  for (let round = 0; round < rounds; round += 1) {
    for (const system of systems) {
      const result = await sendAdjustments(system, connections, { seconds: roundSeconds })
      const known = best.get(system)
      if (known === undefined || result.perSecond > known.perSecond) best.set(system, result)
    }
  }
  return [...best].map(([system, result]) => toRow(system, connections, result))
}

function toRow(system: System, connections: number, { requests, perSecond, latencyUs }: LoadResult): Row {
  return {
    system: system.name,
    case: `1-per-request-${connections}`,
    requests,
    per_second: Math.round(perSecond),
    p50_ms: ms(latencyUs.percentile(50)),
    p95_ms: ms(latencyUs.percentile(95)),
    p99_ms: ms(latencyUs.percentile(99)),
    max_ms: ms(latencyUs.max),
  }
}

function print(rows: readonly Row[]): void {
  console.table(rows)
  for (const ours of rows.filter(({ system }) => system === "http")) {
    const plain = rows.find((row) => row.system === "naive" && row.case === ours.case)
    if (plain === undefined) continue
    const ratios = [
      `${(ours.per_second / plain.per_second).toFixed(1)} × per second`,
      `${(plain.p50_ms / ours.p50_ms).toFixed(1)} × faster at p50`,
      `${(plain.p99_ms / ours.p99_ms).toFixed(1)} × at p99`,
    ]
    console.log(`${ours.case}: http against naive ${ratios.join(", ")}`)
  }
  console.log(`load average ${loadTexts()}`)
}

async function findTarget(): Promise<{
  readonly system: System
  readonly databaseUrl: string | undefined
  close(): Promise<void>
}> {
  const { url, key, "data-dir": directory } = flags
  if (url !== undefined || key !== undefined) {
    if (url === undefined || key === undefined) throw new Error("--url and --key belong together")
    const system: System = { name: "http", apiUrl: url.replace(/\/+$/, ""), apiKey: key }
    return { system, databaseUrl: undefined, close: () => Promise.resolve() }
  }
  const own = directory === undefined ? startStack(["--ephemeral", "--port", "0"]) : undefined
  const stack = own === undefined ? readStackFile(directory ?? "") : await own.ready
  if (stack === undefined) throw new Error(`no stack runs in ${directory}`)
  return {
    system: { name: "http", apiUrl: stack.api_url, apiKey: stack.api_key },
    databaseUrl: stack.app_database_url,
    close: () => (own === undefined ? Promise.resolve() : endStack(own)),
  }
}

async function startBaseline(databaseUrl: string): Promise<{ system: System; child: ChildProcess }> {
  const child = fork(new URL("./plain-api.ts", import.meta.url), {
    env: { ...process.env, DATABASE_URL: databaseUrl },
    stdio: ["ignore", "inherit", "ignore", "ipc"],
  })
  const ended = once(child, "exit").then(([code]) => {
    throw new Error(`the baseline's API ended with ${String(code)}`)
  })
  const [message] = await Promise.race([once(child, "message"), ended])
  ended.catch(() => undefined)
  return { system: { name: "naive", ...(message as { apiUrl: string; apiKey: string }) }, child }
}

async function describe(databaseUrl: string): Promise<string> {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  const { rows } = await client.query<Record<"version" | "fsync" | "commits", string>>(
    "SELECT current_setting('server_version') AS version, current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS commits",
  )
  await client.end()
  const server = rows[0]
  return `Node ${process.version}, PostgreSQL ${server?.version}, fsync ${server?.fsync}, synchronous_commit ${server?.commits}, load average ${loadTexts()}`
}

function loadTexts(): string {
  return loadavg()
    .map((load) => load.toFixed(2))
    .join(" ")
}

function ms(microseconds: number): number {
  return Math.round(microseconds / 10) / 100
}
