import { type BenchCase, type SystemName, storedCases } from "./bench-cases.ts"
import { type BenchCluster, type BenchDatabase, withClient } from "./bench-cluster.ts"
import {
  type BenchSystem,
  openAccounts,
  startEcho,
  startHttp,
  startNaive,
  startPgledger,
  startUngrouped,
  startWriter,
  targets,
} from "./bench-systems.ts"
import { seedLog } from "./seed-log.ts"
import { shippedReasons } from "./shipped-reasons.ts"

/**
 * Starts what the cases need and opens the accounts that they touch.
 * @param storedEvents how many events the ledger has that is measured beside the empty one; 0: there is none
 * @param onSystem told of each, to be closed whatever comes after it
 */
export async function startSystems(
  cluster: BenchCluster,
  cases: readonly BenchCase[],
  storedEvents: number,
  onSystem: (system: BenchSystem) => void,
): Promise<void> {
  const users = Math.max(...cases.map(({ population }) => population.users))
  const isNeeded = (name: SystemName): boolean => cases.some(({ systems }) => systems.includes(name))
  const hasSpread = (spread: BenchCase["spread"]): boolean => cases.some((each) => each.spread === spread)

  async function startOurs(name: string, database: BenchDatabase, isStored: boolean): Promise<void> {
    const processes = hasSpread("two-processes") && !isStored ? 2 : 1
    const system =
      name === "http"
        ? await startHttp(cluster, database, processes, isStored)
        : await startWriter(cluster, database, isStored)
    onSystem(system)
    const { seconds } = await openAccounts(system, users)
    console.log(`${name}: ${users} accounts have their money after ${seconds.toFixed(1)} s`)
    if (hasSpread("two-ledgers") && !isStored) await openAccounts(system, users, targets.otherLedger)
  }

  const ours = (["http", "writer"] as const).filter(isNeeded)
  for (const name of ours) await startOurs(name, await cluster.createDatabase(name), false)
  if (isNeeded("ungrouped")) {
    const system = await startUngrouped(cluster)
    onSystem(system)
    await openAccounts(system, users)
  }
  if (isNeeded("naive")) onSystem(await startNaive(cluster, users))
  if (isNeeded("echo")) onSystem(await startEcho(cluster))
  if (isNeeded("pgledger")) {
    const files = process.env["PGLEDGER_SQL"]
    if (files === undefined) console.log("pgledger is skipped: PGLEDGER_SQL names no files of it")
    else onSystem(await startPgledger(cluster, users, files.split(":")))
  }
  if (storedEvents === 0 || !cases.some(({ name }) => storedCases.includes(name))) return
  const stored = await cluster.createDatabase("stored")
  await fill(stored, storedEvents, users)
  for (const name of ours) await startOurs(name, stored, true)
}

async function fill(database: BenchDatabase, events: number, users: number): Promise<void> {
  const began = performance.now()
  const seeded = await seedLog({
    databaseUrl: database.ownerUrl,
    ledgerId: database.ledgers[0]?.ledgerId ?? "",
    tokenId: database.tokenId,
    reasons: shippedReasons(),
    events,
    users,
  })
  await withClient(database.ownerUrl, (owner) => owner.query("VACUUM ANALYZE"))
  const seconds = ((performance.now() - began) / 1_000).toFixed(0)
  console.log(`stored: ${seeded.events} events of ${seeded.accounts} accounts after ${seconds} s`)
}
