import { readFileSync } from "node:fs"
import { join } from "node:path"
import { type BenchCase, type SystemName, usersMax } from "./bench-cases.ts"
import { type BenchCluster, type BenchDatabase, withClient } from "./bench-cluster.ts"
import type { LoadOrder, LoadResult } from "./load-order.ts"
import { type BenchProcess, runOrder, startBenchProcess } from "./load-process.ts"
import { createNaiveSchema, openNaiveAccounts } from "./naive-schema.ts"
import { userName } from "./operations.ts"

/** What is measured: runs one round of load against itself. */
export type BenchSystem = {
  readonly name: SystemName
  run(order: Omit<LoadOrder, "targets">, spread: BenchCase["spread"]): Promise<LoadResult>
  close(): void
}

const programs = {
  api: new URL("../../cli/main.ts", import.meta.url),
  naiveApi: new URL("./naive-api.ts", import.meta.url),
  httpLoad: new URL("./http-load.ts", import.meta.url),
  writerLoad: new URL("./writer-load.ts", import.meta.url),
  pgledgerLoad: new URL("./pgledger-load.ts", import.meta.url),
}

/** The API role, one or two processes of it, with a process that makes the load. */
export async function startHttp(
  cluster: BenchCluster,
  database: BenchDatabase,
  processes: number,
): Promise<BenchSystem> {
  const apis: BenchProcess[] = []
  for (let index = 0; index < processes; index += 1)
    apis.push(await startApi(cluster, programs.api, database, ["api"]))
  const [first = ""] = apis.map(urlOf)
  const [ledger, other] = database.ledgers
  const targets = [
    { apiUrl: first, apiKey: ledger?.apiKey ?? "" },
    { apiUrl: apis[1] === undefined ? first : urlOf(apis[1]), apiKey: ledger?.apiKey ?? "" },
    { apiUrl: first, apiKey: other?.apiKey ?? "" },
  ]
  return loaded("http", apis, await startHttpLoad(cluster, targets))
}

export async function startNaive(cluster: BenchCluster, database: BenchDatabase): Promise<BenchSystem> {
  await withClient(database.ownerUrl, async (owner) => {
    await createNaiveSchema(owner)
    await openNaiveAccounts(owner, usersMax, database.tokenId)
  })
  const server = await startApi(cluster, programs.naiveApi, database)
  const apiKey = database.ledgers[0]?.apiKey ?? ""
  return loaded("naive", [server], await startHttpLoad(cluster, [{ apiUrl: urlOf(server), apiKey }]))
}

export async function startWriter(cluster: BenchCluster, database: BenchDatabase): Promise<BenchSystem> {
  const [first, second] = database.ledgers.map(({ ledgerId }) => ({ ledgerId, tokenId: database.tokenId }))
  const load = await startBenchProcess(
    programs.writerLoad,
    { DATABASE_URL: database.appUrl, BENCH_LEDGERS: JSON.stringify([first, first, second]) },
    join(cluster.directory, "writer.log"),
  )
  return loaded("writer", [], load)
}

/** @param sqlFiles pgledger's own SQL, in the order in which it is installed */
export async function startPgledger(
  cluster: BenchCluster,
  sqlFiles: readonly string[],
): Promise<BenchSystem> {
  const url = await cluster.createEmptyDatabase("pgledger")
  await withClient(url, async (owner) => {
    for (const file of sqlFiles) await owner.query(readFileSync(file, "utf8"))
    await owner.query(
      `SELECT count(pgledger_create_account(overlay($1::text placing lpad(i::text, 7, '0') from 6), 'CPOP'))
       FROM generate_series(0, $2::int - 1) AS i`,
      [userName(0), usersMax],
    )
    await owner.query("VACUUM ANALYZE")
  })
  const environment = { DATABASE_URL: url }
  const log = join(cluster.directory, "pgledger.log")
  return loaded("pgledger", [], await startBenchProcess(programs.pgledgerLoad, environment, log))
}

/** Opens every account of a ledger through the system itself. */
export function openAccounts(system: BenchSystem, spread?: "two-ledgers"): Promise<LoadResult> {
  const perRequest = 1_000
  const operations = usersMax / perRequest
  const order = {
    users: usersMax,
    pick: "each",
    perRequest,
    connections: 1,
    seconds: 600,
    operations,
  } as const
  return system.run(order, spread)
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

function startHttpLoad(cluster: BenchCluster, targets: readonly object[]): Promise<BenchProcess> {
  const environment = { BENCH_TARGETS: JSON.stringify(targets) }
  return startBenchProcess(programs.httpLoad, environment, join(cluster.directory, "load.log"))
}

const urlOf = ({ ready }: BenchProcess): string => (ready as { details: { url: string } }).details.url

function loaded(name: SystemName, servers: readonly BenchProcess[], load: BenchProcess): BenchSystem {
  return {
    name,
    run: (order, spread) => runOrder(load, { ...order, targets: targetsOf(spread) }),
    close: () => {
      for (const { child } of [load, ...servers]) child.disconnect()
    },
  }
}

function targetsOf(spread: BenchCase["spread"]): readonly number[] {
  if (spread === undefined) return [0]
  return spread === "two-processes" ? [0, 1] : [0, 2]
}
