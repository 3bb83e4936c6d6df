import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, afterEach, beforeAll, expect, it } from "vitest"
import type { Database } from "../../../ledger/store/database.ts"
import { createKysely, createPool } from "../../../platform/postgres.ts"
import { createSeededRandom } from "../../demo/seeded-random.ts"
import { type ApiProcess, startApiProcess } from "../../support/api-process.ts"
import { checkLoad } from "../../support/check-load.ts"
import type { TestDatabase } from "../../support/create-database.ts"
import { type CommitCutter, startCommitCutter } from "../../support/cut-at-commit.ts"
import { drawOperation } from "../../support/load-operation.ts"
import { createTestDatabase } from "../../support/postgres.ts"
import { type SeededRegistry, seedRegistry } from "../../support/seed-registry.ts"
import { waitUntil } from "../../support/wait-until.ts"
import { startWriteLoad, type WriteLoad } from "../../support/write-load.ts"

/** Two API processes that write to one ledger, each with a line to the database that can be cut. */
const names = ["one", "two"] as const

let database: TestDatabase
let registry: SeededRegistry
let cutters: readonly CommitCutter[]
let processes: readonly ApiProcess[]
let db: ReturnType<typeof createKysely<Database>>
const loads: WriteLoad[] = []

beforeAll(async () => {
  database = await createTestDatabase()
  db = createKysely<Database>(
    createPool({ databaseUrl: database.appUrl, applicationName: "test-check", connectionsMax: 2 }),
  )
  registry = await seedRegistry(db)
  cutters = await Promise.all(names.map(() => startCommitCutter(database.appUrl)))
  processes = await Promise.all(cutters.map(({ databaseUrl }) => startApiProcess(databaseUrl)))
})
afterEach(async () => {
  await Promise.all(loads.map((load) => load.finish()))
})
afterAll(async () => {
  for (const process of processes ?? []) {
    process.kill("SIGKILL")
    await process.ended
  }
  await Promise.all((cutters ?? []).map((cutter) => cutter.close()))
  await db?.destroy()
  await database?.drop()
})

function startLoad(name: string, urls: readonly string[], connections: number): WriteLoad {
  const random = createSeededRandom(name.length)
  let drawn = 0
  const load = startWriteLoad({
    urls: () => urls,
    apiKey: registry.apiKey,
    connections,
    next() {
      drawn += 1
      return drawOperation(random, `${name}-${drawn}`)
    },
  })
  loads.push(load)
  return load
}

async function expectNothingLost(): Promise<void> {
  await Promise.all(loads.map((load) => load.finish()))
  const outcomes = new Map(loads.flatMap((load) => [...load.outcomes]))
  const { apiKey, app } = registry
  const url = processes[0]?.url ?? ""
  expect((await checkLoad({ db, ledgerId: app.ledgerId, outcomes, url, apiKey })).faults).toEqual([])
}

it("lose their connection exactly at COMMIT, before it was carried out and after: both resolve it themselves, and nobody notices", async () => {
  const load = startLoad(
    "cut",
    processes.map(({ url }) => url),
    12,
  )
  for (let round = 0; round < 12; round += 1) {
    for (const cutter of cutters) {
      const before = cutter.cuts()
      const answered = load.outcomes.size
      if (round % 2 === 0) cutter.cutNextCommit()
      else cutter.cutBeforeNextCommit()
      await waitUntil(async () => cutter.cuts() > before && load.outcomes.size > answered, {
        what: "a COMMIT is cut off, and writes go on",
      })
    }
  }
  await expectNothingLost()
  // Not one caller had to send his request a second time.
  expect([load.cutOff(), ...load.retriedCodes.keys()]).toEqual([0])
})

it("get a fair share each, however busy the other is", async () => {
  const both = processes.map(({ url }, index) => startLoad(`share-${names[index]}`, [url], 24))
  await sleep(500)
  const before = both.map(({ outcomes }) => outcomes.size)
  const sharesNow = () => both.map(({ outcomes }, index) => outcomes.size - (before[index] ?? 0))
  const sum = (shares: readonly number[]) => shares.reduce((total, share) => total + share, 0)
  // Enough of them that it is not the machine which decides, if that does not take for ever.
  for (let round = 0; round < 10 && (round < 2 || sum(sharesNow()) < 400); round += 1) await sleep(1_000)
  const shares = sharesNow()
  console.log(`answered side by side: ${shares.join(" and ")}`)
  for (const share of shares) expect(share / sum(shares)).toBeGreaterThan(0.2)
  await expectNothingLost()
})
