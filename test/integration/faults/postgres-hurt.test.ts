import { setTimeout as sleep } from "node:timers/promises"
import { sql } from "kysely"
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest"
import { isTransientPostgresError } from "../../../platform/postgres.ts"
import { createSeededRandom } from "../../demo/seeded-random.ts"
import { checkLoad } from "../../support/check-load.ts"
import { createDatabase } from "../../support/create-database.ts"
import { drawOperation } from "../../support/load-operation.ts"
import { type OwnPostgres, startOwnPostgres } from "../../support/own-postgres.ts"
import { startTestApi, type TestApi } from "../../support/test-api.ts"
import { waitUntil } from "../../support/wait-until.ts"
import { startWriteLoad, type WriteLoad } from "../../support/write-load.ts"

// Longer than what /readyz gives the database.
const requestTimeoutMs = 3_000

let postgres: OwnPostgres
let api: TestApi
beforeAll(async () => {
  postgres = await startOwnPostgres()
})
afterAll(() => postgres?.close())
beforeEach(async () => {
  const database = await createDatabase(postgres.adminUrl)
  api = await startTestApi({ database, limits: { requestTimeoutMs } })
})
afterEach(() => api?.close())

function startLoad(connections: number): WriteLoad {
  const random = createSeededRandom(4)
  let drawn = 0
  return startWriteLoad({
    urls: () => [api.server.url],
    apiKey: api.apiKey,
    connections,
    restMs: 5,
    next() {
      drawn += 1
      return drawOperation(random, `op-${drawn}`)
    },
  })
}

const more = async (load: WriteLoad, by: number) => {
  const before = load.outcomes.size
  await waitUntil(async () => load.outcomes.size >= before + by, {
    what: `${by} more writes are answered`,
    timeoutMs: 40_000,
    describe: async () => [postgres.logTail()],
  })
}

async function expectNothingLost(load: WriteLoad): Promise<void> {
  await load.finish()
  const { outcomes } = load
  const { server, apiKey, db, app } = api
  const checked = await checkLoad({ db, ledgerId: app.ledgerId, outcomes, url: server.url, apiKey })
  expect(checked.faults).toEqual([])
  expect(checked.recorded).toBeGreaterThan(0)
  // It was the database that failed: the API answered every single request.
  expect(load.cutOff()).toBe(0)
  for (const code of load.retriedCodes.keys()) expect(["LEDGER_UNAVAILABLE", "TIMEOUT"]).toContain(code)
}

it("PostgreSQL loses its power under load and comes back: whatever was acknowledged is there, and writes go on by themselves", async () => {
  const load = startLoad(16)
  for (let round = 0; round < 2; round += 1) {
    await more(load, 60)
    await postgres.cutPower()
    const reply = await api.call("GET", "/api/v1/balance/user-1?token_symbol=POINT")
    expect(reply).toMatchObject({ status: 503, body: { errors: [{ code: "LEDGER_UNAVAILABLE" }] } })
    expect(reply.headers.get("retry-after")).toBe("1")
    await postgres.start()
  }
  await more(load, 60)
  await expectNothingLost(load)
})

/** @returns false where none writes, or the server is still at recovering from the last time */
async function killWriter(): Promise<boolean> {
  try {
    const { rows } = await sql<{ pid: number }>`
      SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'
        AND pid <> pg_backend_pid() AND backend_xid IS NOT NULL LIMIT 1`.execute(api.db)
    const [row] = rows
    if (row === undefined) return false
    postgres.killSession(row.pid)
    return true
  } catch (error) {
    if (isTransientPostgresError(error) || (error as NodeJS.ErrnoException).code === "ESRCH") return false
    throw error
  }
}

it("a session of PostgreSQL is killed with -9 in the middle of a group, and all of them with it: nothing is lost", async () => {
  const load = startLoad(16)
  for (let round = 0; round < 2; round += 1) {
    await more(load, 40)
    await waitUntil(killWriter, { what: "a session that writes is killed" })
  }
  await more(load, 40)
  await expectNothingLost(load)
})

it("PostgreSQL stands still for seconds: every caller is told so in time, and afterwards all of it is there once", async () => {
  const load = startLoad(16)
  await more(load, 60)
  postgres.pause()
  try {
    await sleep(200)
    const beganMs = performance.now()
    const [alive, ready, read] = await Promise.all([
      api.call("GET", "/livez"),
      api.call("GET", "/readyz"),
      api.call("GET", "/api/v1/balance/user-1?token_symbol=POINT"),
    ])
    expect(performance.now() - beganMs).toBeLessThan(requestTimeoutMs + 10_000)
    expect(alive.status).toBe(200)
    expect(ready).toMatchObject({ status: 503, body: { errors: [{ code: "NOT_READY" }] } })
    expect(read).toMatchObject({ status: 504, body: { errors: [{ code: "TIMEOUT" }] } })
    expect(read.headers.get("retry-after")).toBe("1")
    await sleep(1_500)
  } finally {
    postgres.resume()
  }
  await more(load, 60)
  expect(load.retriedCodes.get("TIMEOUT")).toBeGreaterThan(0)
  await expectNothingLost(load)
})
