// `npm run bench:ledger`: how many adjustments a second are recorded, and how long one takes, side by side with other ways to do it on the same PostgreSQL.
import { writeFileSync } from "node:fs"
import { parseArgs } from "node:util"
import { type BenchCase, benchCases, quickCases, type SystemName, storedCases } from "./bench-cases.ts"
import { loadText, startBenchCluster } from "./bench-cluster.ts"
import { type BenchResult, type BenchSystem, targets } from "./bench-systems.ts"
import { startSystems } from "./start-systems.ts"

const help = `npm run bench:ledger -- [options]

  --quick             1-per-request-128 and 1000-per-request, http and naive only, in under a minute
  --case NAME         only this case; may be given several times, and may end with *
  --system NAME       only this system: writer, http, ungrouped, naive, pgledger or echo; several times
  --rounds N          rounds of each system in each case, in turns (3; 1 when quick); the median one counts
  --seconds N         length of a round (3)
  --stored N          events on the ledger that some cases are measured on as well, as CASE-stored (10000000); 0: none
  --json FILE         writes {rows:[{system,case,per_second,p50_ms,p99_ms}], limits:[the same of echo]}
  --list              names the cases

echo is no ledger: Hono reads the JSON of a request, answers, and does nothing else.
The table tells how many microseconds of processor time the API's process, PostgreSQL and the process that makes the load (with what it makes before the clock runs) take for an adjustment,
where the system tells.
PGLEDGER_SQL names the SQL files of pgledger in the order of their installation, separated by ":".
Without it pgledger is skipped.
`

/** Before each case. */
const warmUpSeconds = 2
/** Before the first one, for each kind of request: on two busy cores what is compiled in the background has to wait, and an API's rate goes on rising for half a minute. */
const startSeconds = { whole: 8, quick: 3 }

type Row = {
  readonly system: SystemName
  readonly case: string
  readonly per_second: number
  readonly p50_ms: number
  readonly p99_ms: number
}

/** Microseconds of processor time for an adjustment; none where the system does not tell. */
type Cost = { readonly server_us?: number; readonly database_us?: number; readonly load_us?: number }

type Measured = { readonly row: Row; readonly cost: Cost }

const { values: flags } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    case: { type: "string", multiple: true },
    system: { type: "string", multiple: true },
    rounds: { type: "string" },
    seconds: { type: "string" },
    stored: { type: "string" },
    json: { type: "string" },
    list: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
})
if (flags.help) process.stdout.write(help)
else if (flags.list) console.log(benchCases.map(({ name }) => name).join("\n"))
else await main()

async function main(): Promise<void> {
  const cases = chooseCases()
  const rounds = Number(flags.rounds ?? (flags.quick ? 1 : 3))
  const seconds = Number(flags.seconds ?? 3)
  const storedEvents = Number(flags.stored ?? (flags.quick ? 0 : 10_000_000))
  const cluster = await startBenchCluster()
  const systems: BenchSystem[] = []
  try {
    console.log(await cluster.describe())
    await startSystems(cluster, cases, storedEvents, (system) => systems.push(system))
    await warmUp(cases, systems, flags.quick ? startSeconds.quick : startSeconds.whole)
    const measured: Measured[] = []
    for (const benchCase of cases) measured.push(...(await measure(benchCase, systems, rounds, seconds)))
    console.table(measured.map(({ row, cost }) => ({ ...row, ...cost })))
    const rows = measured.map(({ row }) => row)
    printRatios(rows)
    console.log(`median of ${rounds} rounds of ${seconds} s; load average ${loadText()}`)
    if (flags.json !== undefined) writeFileSync(flags.json, toJson(rows))
  } finally {
    for (const system of systems) system.close()
    await cluster.close()
  }
}

function chooseCases(): readonly BenchCase[] {
  const wanted = flags.case ?? (flags.quick ? quickCases : ["*"])
  const isWanted = (name: string): boolean =>
    wanted.some((pattern) =>
      pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : name === pattern,
    )
  const only = flags.system ?? (flags.quick ? ["http", "naive"] : undefined)
  const chosen = benchCases
    .filter(({ name }) => isWanted(name))
    .map((benchCase) => ({
      ...benchCase,
      systems: benchCase.systems.filter((name) => only === undefined || only.includes(name)),
    }))
    .filter(({ systems }) => systems.length > 0)
  if (chosen.length === 0) throw new Error(`no case is called ${wanted.join(" or ")}; --list names them`)
  return chosen
}

function takesPart(system: BenchSystem, benchCase: BenchCase): boolean {
  return benchCase.systems.includes(system.name) && (!system.isStored || storedCases.includes(benchCase.name))
}

function orderOf({ population, perRequest, connections, spread }: BenchCase, seconds: number) {
  return { ...population, perRequest, connections, seconds, targets: targetsOf(spread) }
}

async function warmUp(
  cases: readonly BenchCase[],
  systems: readonly BenchSystem[],
  seconds: number,
): Promise<void> {
  for (const system of systems) {
    const kinds = new Map<string, BenchCase>()
    for (const benchCase of cases) {
      if (!takesPart(system, benchCase)) continue
      const kind = `${benchCase.spread} ${benchCase.perRequest}`
      if (benchCase.connections > (kinds.get(kind)?.connections ?? 0)) kinds.set(kind, benchCase)
    }
    for (const benchCase of kinds.values()) await system.run(orderOf(benchCase, seconds))
  }
}

async function measure(
  benchCase: BenchCase,
  systems: readonly BenchSystem[],
  rounds: number,
  seconds: number,
): Promise<Measured[]> {
  const { name } = benchCase
  const taking = systems.filter((system) => takesPart(system, benchCase))
  const nameOn = (system: BenchSystem): string => (system.isStored ? `${name}-stored` : name)
  const results = new Map<BenchSystem, BenchResult[]>(taking.map((system) => [system, []]))
  const order = orderOf(benchCase, seconds)
  for (const system of taking) await system.run({ ...order, seconds: warmUpSeconds })
  for (let round = 0; round < rounds; round += 1) {
    for (const system of taking) {
      const result = await system.run(order)
      results.get(system)?.push(result)
      const { byTarget } = result
      const parts = byTarget.length > 1 ? `, of ${byTarget.join(" and ")} operations` : ""
      console.log(
        `${nameOn(system)} ${system.name}: ${Math.round(result.adjustments / result.seconds)}/s${parts}`,
      )
    }
  }
  return taking.map((system) => medianOf(system.name, nameOn(system), results.get(system) ?? []))
}

function targetsOf(spread: BenchCase["spread"]): readonly number[] {
  switch (spread) {
    case undefined:
      return [targets.ledger]
    case "two-processes":
      return [targets.ledger, targets.otherProcess]
    case "two-ledgers":
      return [targets.ledger, targets.otherLedger]
  }
}

/** The round whose throughput is the median; the lower one of two. */
function medianOf(system: SystemName, name: string, results: readonly BenchResult[]): Measured {
  const rate = ({ adjustments, seconds }: BenchResult): number => adjustments / seconds
  const sorted = [...results].sort((a, b) => rate(a) - rate(b))
  const median = sorted[Math.floor((sorted.length - 1) / 2)]
  if (median === undefined) throw new Error(`${name} was not measured`)
  const round = (value: number): number => Math.round(value * 100) / 100
  const { server, database, load } = median.cpuSeconds
  const microseconds = (used: number): number => Math.round((used * 1e7) / median.adjustments) / 10
  const row = {
    system,
    case: name,
    per_second: Math.round(rate(median)),
    p50_ms: round(median.p50Ms),
    p99_ms: round(median.p99Ms),
  }
  if (server + database + load === 0) return { row, cost: {} }
  const cost = {
    server_us: microseconds(server),
    database_us: microseconds(database),
    load_us: microseconds(load),
  }
  return { row, cost }
}

function toJson(measured: readonly Row[]): string {
  const of = (...systems: SystemName[]) => measured.filter(({ system }) => systems.includes(system))
  const sections = {
    rows: of("writer", "http", "naive", "pgledger"),
    ungrouped: of("ungrouped"),
    limits: of("echo"),
  }
  return `${JSON.stringify(sections, null, 2)}\n`
}

function printRatios(rows: readonly Row[]): void {
  for (const http of rows.filter(({ system }) => system === "http")) {
    for (const other of rows) {
      if (other.case !== http.case || other.system === "http" || other.system === "writer") continue
      const ratio = http.per_second / other.per_second
      const text = other.system === "echo" ? `${(ratio * 100).toFixed(0)} % of` : `${ratio.toFixed(1)} ×`
      console.log(`${http.case}: http is ${text} ${other.system}`)
    }
  }
}
