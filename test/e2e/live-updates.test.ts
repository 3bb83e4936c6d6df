import { setTimeout as sleep } from "node:timers/promises"
import { sql } from "kysely"
import { afterAll, beforeAll, expect, test } from "vitest"
import type { Database } from "../../ledger/store/database.ts"
import { createKysely, createPool } from "../../platform/postgres.ts"
import { createSeededRandom } from "../demo/seeded-random.ts"
import { type ApiProcess, startApiProcess } from "../support/api-process.ts"
import { createDatabase, type TestDatabase } from "../support/create-database.ts"
import { readEventStream } from "../support/event-stream-reader.ts"
import { type OwnPostgres, startOwnPostgres } from "../support/own-postgres.ts"
import { type SeededRegistry, seedRegistry } from "../support/seed-registry.ts"

const clients = 50
/** Of the clients, those that follow everything. */
const watchers = 5
const loadMs = 60_000
const changesPerSecond = 500
const changesPerRequest = 50

let postgres: OwnPostgres
let database: TestDatabase
let registry: SeededRegistry
let db: ReturnType<typeof createKysely<Database>>
let replicas: ApiProcess[] = []

beforeAll(async () => {
  postgres = await startOwnPostgres()
  database = await createDatabase(postgres.adminUrl)
  db = createKysely<Database>(
    createPool({ databaseUrl: database.appUrl, applicationName: "test-check", connectionsMax: 2 }),
  )
  registry = await seedRegistry(db)
  replicas = await Promise.all([1, 2, 3].map(() => startApiProcess(database.appUrl)))
})
afterAll(async () => {
  for (const replica of replicas) {
    replica.kill("SIGKILL")
    await replica.ended
  }
  await db?.destroy()
  await database?.drop()
  await postgres?.close()
})

const { between } = createSeededRandom(7)
const userOf = (index: number) => `user-${index}`

/** Sent again, the same and elsewhere, until it is recorded. */
async function record(operationId: string, userIds: readonly string[]): Promise<void> {
  const adjustments = userIds.map((user_id) => ({
    ...{ user_id, token_symbol: "CPOP", amount: "+1", reason_type: "reward" },
  }))
  const body = JSON.stringify({ operation_id: operationId, adjustments })
  const headers = { authorization: `Bearer ${registry.apiKey}`, "content-type": "application/json" }
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const url = `${replicas[attempt % replicas.length]?.url}/api/v1/balance/adjust`
    const response = await fetch(url, { method: "POST", headers, body }).catch(() => undefined)
    if ((await response?.text().catch(() => undefined)) !== undefined && response?.status === 200) return
    await sleep(50)
  }
  throw new Error(`${operationId} was not recorded`)
}

type Follower = {
  readonly userId: string | null
  readonly ids: number[]
  connections: number
  seen: number
  /** How many events it is to see in the end. */
  goal: number
}

/** A client whose connection is cut now and then, and who goes on from the last id that he has. */
async function follow(follower: Follower): Promise<void> {
  while (follower.ids.length < follower.goal) {
    const url = replicas[between(0, replicas.length - 1)]?.url ?? ""
    const query = follower.userId === null ? "" : `?user_id=${follower.userId}`
    const reader = await readEventStream(`${url}/api/v1/stream${query}`, {
      apiKey: registry.apiKey,
      lastEventId: String(follower.seen),
    }).catch(() => undefined)
    if (reader?.status !== 200) {
      await sleep(100)
      continue
    }
    follower.connections += 1
    await Promise.race([sleep(between(200, 3_000)), reader.ended])
    reader.cut()
    await reader.ended
    follower.ids.push(...reader.events.map(({ id }) => Number(id)))
    follower.seen = Number(reader.lastEventId)
  }
}

test("every subscriber sees every event once and in order, however often he is cut off, and when a replica dies", async () => {
  const users = Array.from({ length: clients - watchers }, (_, index) => userOf(index))
  await record("opening", users)
  const headOf = async () =>
    Number(
      (
        await db
          .selectFrom("ledger.head")
          .select("position")
          .where("ledger_id", "=", registry.app.ledgerId)
          .executeTakeFirstOrThrow()
      ).position,
    )
  const start = await headOf()
  const userIds = [...users, ...Array.from({ length: watchers }, () => null)]
  const followers = userIds.map(
    (userId): Follower => ({ userId, ids: [], connections: 0, seen: start, goal: Number.POSITIVE_INFINITY }),
  )
  const following = Promise.all(followers.map(follow))

  const began = performance.now()
  const writes: Promise<void>[] = []
  const everyMs = (1_000 * changesPerRequest) / changesPerSecond
  for (let count = 0; count * everyMs < loadMs; count += 1) {
    await sleep(Math.max(0, began + count * everyMs - performance.now()))
    const chosen = Array.from({ length: changesPerRequest }, () => userOf(between(0, users.length - 1)))
    writes.push(record(`load-${count}`, chosen))
    if (count * everyMs === loadMs / 2) replicas[0]?.kill("SIGKILL")
  }
  await Promise.all(writes)
  expect((await headOf()) - start).toBe((loadMs / 1_000) * changesPerSecond)

  const { rows } = await sql<{ position: bigint; user_id: string }>`
    SELECT e.position, a.user_id FROM ledger.events e JOIN ledger.accounts a USING (ledger_id, account_id)
    WHERE e.position > ${start} ORDER BY e.position`.execute(db)
  const wantedBy = ({ userId }: Follower) =>
    rows.filter((row) => userId === null || row.user_id === userId).map(({ position }) => Number(position))
  for (const follower of followers) follower.goal = wantedBy(follower).length
  await following
  for (const follower of followers) {
    expect(follower.ids, follower.userId ?? "everything").toEqual(wantedBy(follower))
    expect(follower.connections).toBeGreaterThan(10)
  }
})
