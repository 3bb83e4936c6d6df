// `npm run bench:reads`: how long a balance, a page of history and a balance of the past take with ten thousand and with ten million events stored, over HTTP and side by side.
import { writeFileSync } from "node:fs"
import { Agent, get } from "node:http"
import { parseArgs } from "node:util"
import pg from "pg"
import { percentile } from "../demo/percentile.ts"
import { type ApiProcess, startApiProcess } from "../support/api-process.ts"
import { type BenchDatabase, loadText, startBenchCluster } from "./bench-cluster.ts"
import { seedLog } from "./seed-log.ts"
import { shippedReasons } from "./shipped-reasons.ts"

const help = `npm run bench:reads -- [--small N] [--large N] [--hot N] [--requests R] [--json FILE]

Fills two databases of a PostgreSQL of its own, starts the API role on each, and asks them in turns, one request after the other.
--small, --large  events stored, 10,000 and 10,000,000 unless named
--hot             events of the one account of a second ledger in the large one, 2,000,000 unless named
--requests        of each case and side, 1,000 unless named: a hundred accounts, asked for once, which may have to be read from the disk, and then again and again
`
const accountsAsked = 100
// Requests of one side before the other one's turn: what else the machine does meets both.
const blockRequests = 25

const { values: flags } = parseArgs({
  options: {
    small: { type: "string", default: "10000" },
    large: { type: "string", default: "10000000" },
    hot: { type: "string", default: "2000000" },
    requests: { type: "string", default: "1000" },
    json: { type: "string" },
    help: { type: "boolean" },
  },
})
const cases: readonly { readonly name: string; path(sample: Sample): string }[] = [
  { name: "balance", path: ({ userId }) => `/balance/${userId}` },
  { name: "history, first page", path: ({ userId }) => `/balance/${userId}/history` },
  {
    name: "history, deep page",
    path: (sample) => `/balance/${sample.userId}/history?cursor=${cursorAt(sample.position)}`,
  },
  { name: "balance at a position", path: ({ userId, position }) => `/balance/${userId}?at=${position}` },
  { name: "balance at a time", path: ({ userId, time }) => `/balance/${userId}?at=${time.toISOString()}` },
]

if (flags.help === true) process.stdout.write(help)
else await main()

type Side = {
  readonly api: ApiProcess
  readonly database: BenchDatabase
  /** Of the ledger with many accounts, and of the one with a single account. */
  readonly accounts: readonly Sample[]
  readonly hot: readonly Sample[]
}

/** Something to ask for: an account, and a moment at which it existed. */
type Sample = {
  readonly apiKey: string
  readonly userId: string
  readonly position: bigint
  readonly time: Date
}

type Row = {
  readonly case: string
  /** Of the large ledger: an account that nobody has asked for lately, or one whose pages are in memory, PostgreSQL's or the system's. All hundred of the small one always are. */
  readonly asked: "first" | "again"
  readonly small_p50_ms: number
  readonly small_p99_ms: number
  readonly large_p50_ms: number
  readonly large_p99_ms: number
  readonly ratio_p50: number
}

async function main(): Promise<void> {
  const [small, large, hot] = [flags.small, flags.large, flags.hot].map(Number) as [number, number, number]
  const cluster = await startBenchCluster()
  const sides: Side[] = []
  try {
    console.log(await cluster.describe())
    for (const [name, events, hotEvents] of [
      ["small", small, Math.max(1_000, Math.round(small / 5))],
      ["large", large, hot],
    ] as const) {
      const database = await cluster.createDatabase(`reads_${name}`)
      await seed(database, 0, events, Math.max(1, Math.round(events / 100)))
      await seed(database, 1, hotEvents, 1)
      console.log(`${name}: ${events} events, and ${hotEvents} of one account in a ledger of its own`)
      const api = await startApiProcess(database.appUrl)
      const [many, one] = [await sample(database, 0), await sample(database, 1)]
      sides.push({ api, database, accounts: many, hot: one })
    }
    const [first, second] = sides
    if (first === undefined || second === undefined) return
    console.log(`load average before ${loadText()}`)
    const rows: Row[] = []
    // Connections are made, and Node compiles what it runs often.
    for (const { path } of cases)
      await measure("", [first, second], "accounts", cases.length * accountsAsked, path)
    for (const ledger of ["accounts", "hot"] as const) {
      for (const [index, { name, path }] of cases.entries()) {
        const title = `${name}${ledger === "hot" ? ", one account with all events" : ""}`
        // Other accounts than the case before: nothing of theirs has been read yet.
        const measured = await measure(title, [first, second], ledger, index * accountsAsked, path)
        for (const row of measured) console.log(describe(row))
        rows.push(...measured)
      }
    }
    console.log(`load average after ${loadText()}`)
    if (flags.json !== undefined) writeFileSync(flags.json, `${JSON.stringify({ rows }, null, 2)}\n`)
  } finally {
    for (const { api } of sides) api.kill("SIGTERM")
    await Promise.all(sides.map(({ api }) => api.ended))
    await cluster.close()
  }
}

async function seed(database: BenchDatabase, index: number, events: number, users: number): Promise<void> {
  const ledgerId = database.ledgers[index]?.ledgerId ?? ""
  await seedLog({
    databaseUrl: database.ownerUrl,
    ledgerId,
    tokenId: database.tokenId,
    reasons: shippedReasons(),
    events,
    users,
    settledShare: 0.9,
    onProgress: (done) => {
      if (process.stderr.isTTY) process.stderr.write(`\r${done} events `)
    },
  })
}

/** Events of random positions: their accounts, and moments at which they existed. */
async function sample({ ownerUrl, ledgers }: BenchDatabase, index: number): Promise<Sample[]> {
  const { ledgerId = "", apiKey = "" } = ledgers[index] ?? {}
  const client = new pg.Client({ connectionString: ownerUrl })
  await client.connect()
  try {
    const { rows } = await client.query<{ user_id: string; position: bigint; recorded_at: Date }>(
      `WITH drawn AS MATERIALIZED (
         SELECT number, 1 + floor(random() * h.position)::bigint AS position FROM ledger.head h, generate_series(1, 2000) AS number WHERE h.ledger_id = $1)
       SELECT a.user_id, e.position, e.recorded_at FROM drawn
       JOIN ledger.events e ON e.ledger_id = $1 AND e.position = drawn.position
       JOIN ledger.accounts a ON a.ledger_id = $1 AND a.account_id = e.account_id ORDER BY drawn.number`,
      [ledgerId],
    )
    return rows.map((row) => ({
      apiKey,
      userId: row.user_id,
      position: row.position,
      time: row.recorded_at,
    }))
  } finally {
    await client.end()
  }
}

/** As `pagination.next_cursor` of a page that ends here. */
function cursorAt(position: bigint): string {
  return Buffer.from(`history:${position}`).toString("base64url")
}

async function measure(
  name: string,
  sides: readonly [Side, Side],
  of: "accounts" | "hot",
  from: number,
  path: (sample: Sample) => string,
): Promise<Row[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const asked = sides.map((side) => side[of].slice(from, from + accountsAsked))
  const turns = Math.max(2, Math.round(Number(flags.requests) / accountsAsked))
  const taken: Record<Row["asked"], [number[], number[]]> = { first: [[], []], again: [[], []] }
  for (let turn = 0; turn < turns; turn += 1) {
    for (let block = 0; block < accountsAsked; block += blockRequests) {
      for (const [index, side] of sides.entries()) {
        for (const sample of asked[index]?.slice(block, block + blockRequests) ?? []) {
          const ms = await ask(agent, `${side.api.url}/api/v1${path(sample)}`, sample.apiKey)
          taken[turn === 0 ? "first" : "again"][index]?.push(ms)
        }
      }
    }
  }
  agent.destroy()
  // Of a single account nothing is new after the first case.
  const told = of === "hot" ? (["again"] as const) : (["first", "again"] as const)
  return told.map((when) => {
    const at = (index: 0 | 1, share: number) => percentile(taken[when][index], share) ?? 0
    return {
      case: name,
      asked: when,
      small_p50_ms: round(at(0, 0.5)),
      small_p99_ms: round(at(0, 0.99)),
      large_p50_ms: round(at(1, 0.5)),
      large_p99_ms: round(at(1, 0.99)),
      ratio_p50: round(at(1, 0.5) / at(0, 0.5)),
    }
  })
}

function ask(agent: Agent, url: string, apiKey: string): Promise<number> {
  const began = performance.now()
  return new Promise((resolve, reject) => {
    get(url, { agent, headers: { authorization: `Bearer ${apiKey}` } }, (response) => {
      response.resume()
      response.once("end", () => {
        if (response.statusCode === 200) resolve(performance.now() - began)
        else reject(new Error(`${url} was answered with ${response.statusCode}`))
      })
    }).once("error", reject)
  })
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}

function describe(row: Row): string {
  const figures = [row.small_p50_ms, row.small_p99_ms, row.large_p50_ms, row.large_p99_ms]
  return `${`${row.case}, ${row.asked}`.padEnd(60)} ${figures.map((figure) => figure.toFixed(2).padStart(8)).join("")}  ${row.ratio_p50.toFixed(2)}×`
}
