import { readFileSync } from "node:fs"
import { join } from "node:path"
import type { SystemName } from "./bench-cases.ts"
import { type BenchCluster, type BenchDatabase, withClient } from "./bench-cluster.ts"
import { cpuSecondsOf } from "./cpu-seconds.ts"
import type { LoadOrder, LoadResult } from "./load-order.ts"
import { type BenchProcess, runOrder, startBenchProcess } from "./load-process.ts"
import { createNaiveSchema, openNaiveAccounts } from "./naive-schema.ts"

/** Seconds of processor time that each part took for a round. */
export type CpuSeconds = {
  /** The APIs; 0 where the process that makes the load does the work itself. */
  readonly server: number
  readonly database: number
  readonly load: number
}

export type BenchResult = LoadResult & { readonly cpuSeconds: CpuSeconds }

/** What is measured: runs one round of load against itself. */
export type BenchSystem = {
  readonly name: SystemName
  /** Whether there are millions of events on its ledger already. */
  readonly isStored: boolean
  run(order: LoadOrder): Promise<BenchResult>
  close(): void
}

/** Whom a process that makes load can send to: a ledger, the same one by another process, and another ledger. */
export const targets = { ledger: 0, otherProcess: 1, otherLedger: 2 } as const

const programs = {
  api: new URL("../../cli/main.ts", import.meta.url),
  ungroupedApi: new URL("./ungrouped-api.ts", import.meta.url),
  naiveApi: new URL("./naive-api.ts", import.meta.url),
  echoApi: new URL("./echo-api.ts", import.meta.url),
  httpLoad: new URL("./http-load.ts", import.meta.url),
  writerLoad: new URL("./writer-load.ts", import.meta.url),
  pgledgerLoad: new URL("./pgledger-load.ts", import.meta.url),
}

/** The API role, one or two processes of it, with a process that makes the load. */
export async function startHttp(
  cluster: BenchCluster,
  database: BenchDatabase,
  processes: number,
  isStored = false,
): Promise<BenchSystem> {
  const apis: BenchProcess[] = []
  for (let index = 0; index < processes; index += 1)
    apis.push(await startApi(cluster, programs.api, database, ["api"]))
  const [first = ""] = apis.map(urlOf)
  const [ledger, other] = database.ledgers
  const addresses = [
    { apiUrl: first, apiKey: ledger?.apiKey ?? "" },
    { apiUrl: apis[1] === undefined ? first : urlOf(apis[1]), apiKey: ledger?.apiKey ?? "" },
    { apiUrl: first, apiKey: other?.apiKey ?? "" },
  ]
  return { ...loaded(cluster, "http", apis, await startHttpLoad(cluster, addresses)), isStored }
}

/** The same product with the same promises, and a transaction for each request. */
export async function startUngrouped(cluster: BenchCluster): Promise<BenchSystem> {
  const database = await cluster.createDatabase("ungrouped")
  const server = await startApi(cluster, programs.ungroupedApi, database)
  const apiKey = database.ledgers[0]?.apiKey ?? ""
  const load = await startHttpLoad(cluster, [{ apiUrl: urlOf(server), apiKey }])
  return loaded(cluster, "ungrouped", [server], load)
}

export async function startNaive(cluster: BenchCluster, users: number): Promise<BenchSystem> {
  const database = await cluster.createDatabase("naive")
  await withClient(database.ownerUrl, async (owner) => {
    await createNaiveSchema(owner)
    await openNaiveAccounts(owner, users, database.tokenId)
  })
  const server = await startApi(cluster, programs.naiveApi, database)
  const apiKey = database.ledgers[0]?.apiKey ?? ""
  return loaded(cluster, "naive", [server], await startHttpLoad(cluster, [{ apiUrl: urlOf(server), apiKey }]))
}

export async function startWriter(
  cluster: BenchCluster,
  database: BenchDatabase,
  isStored = false,
): Promise<BenchSystem> {
  const [first, second] = database.ledgers.map(({ ledgerId }) => ({ ledgerId, tokenId: database.tokenId }))
  const load = await startBenchProcess(
    programs.writerLoad,
    { DATABASE_URL: database.appUrl, BENCH_LEDGERS: JSON.stringify([first, first, second]) },
    join(cluster.directory, "writer.log"),
  )
  return { ...loaded(cluster, "writer", [], load), isStored }
}

/** What the stack of the API takes for a request that does nothing. */
export async function startEcho(cluster: BenchCluster): Promise<BenchSystem> {
  const server = await startBenchProcess(programs.echoApi, {}, join(cluster.directory, "echo.log"))
  return loaded(
    cluster,
    "echo",
    [server],
    await startHttpLoad(cluster, [{ apiUrl: urlOf(server), apiKey: "" }]),
  )
}

/** @param sqlFiles pgledger's own SQL, in the order in which it is installed */
export async function startPgledger(
  cluster: BenchCluster,
  users: number,
  sqlFiles: readonly string[],
): Promise<BenchSystem> {
  const url = await cluster.createEmptyDatabase("pgledger")
  await withClient(url, async (owner) => {
    for (const file of sqlFiles) await owner.query(readFileSync(file, "utf8"))
    await owner.query(
      "SELECT count(pgledger_create_account('user-' || i, 'CPOP')) FROM generate_series(0, $1::int - 1) AS i",
      [users],
    )
    await owner.query("VACUUM ANALYZE")
  })
  const environment = { DATABASE_URL: url }
  const log = join(cluster.directory, "pgledger.log")
  return loaded(cluster, "pgledger", [], await startBenchProcess(programs.pgledgerLoad, environment, log))
}

/** Gives every account of a ledger what its debits need, through the system itself, and so opens it. */
export function openAccounts(
  system: BenchSystem,
  users: number,
  target: number = targets.ledger,
): Promise<LoadResult> {
  const perRequest = 1_000
  const operations = Math.ceil(users / perRequest)
  const order = { users, pick: "each", perRequest, connections: 2, seconds: 900, operations } as const
  return system.run({ ...order, targets: [target] })
}

function startApi(
  cluster: BenchCluster,
  file: URL,
  database: BenchDatabase,
  args: readonly string[] = [],
): Promise<BenchProcess> {
  const environment = { DATABASE_URL: database.appUrl, HOST: "127.0.0.1", PORT: "0" }
  return startBenchProcess(file, environment, join(cluster.directory, "api.log"), args)
}

function startHttpLoad(cluster: BenchCluster, addresses: readonly object[]): Promise<BenchProcess> {
  const environment = { BENCH_TARGETS: JSON.stringify(addresses) }
  return startBenchProcess(programs.httpLoad, environment, join(cluster.directory, "load.log"))
}

const urlOf = ({ ready }: BenchProcess): string => (ready as { details: { url: string } }).details.url

function loaded(
  cluster: BenchCluster,
  name: SystemName,
  servers: readonly BenchProcess[],
  load: BenchProcess,
): BenchSystem {
  const secondsOf = ({ child }: BenchProcess): number => cpuSecondsOf(child.pid ?? 0)
  const cpuSeconds = (): CpuSeconds => ({
    server: servers.reduce((sum, server) => sum + secondsOf(server), 0),
    database: cpuSecondsOf(cluster.pid),
    load: secondsOf(load),
  })
  return {
    name,
    isStored: false,
    async run(order) {
      const before = cpuSeconds()
      const result = await runOrder(load, order)
      const after = cpuSeconds()
      return {
        ...result,
        cpuSeconds: {
          server: after.server - before.server,
          database: after.database - before.database,
          load: after.load - before.load,
        },
      }
    },
    close: () => {
      for (const { child } of [load, ...servers]) child.disconnect()
    },
  }
}
