import type pg from "pg"
import { afterEach, beforeEach, expect, it } from "vitest"
import { createJobPool, type JobPool } from "../../../../api/webhooks/job-pool.ts"
import { createLogger } from "../../../../platform/logger.ts"
import { type DatabaseDoor, startDatabaseDoor } from "../../../support/database-door.ts"
import { createTestLedger, type TestLedger } from "../../../support/test-ledger.ts"
import { waitUntil } from "../../../support/wait-until.ts"

const logger = createLogger("test", "silent")
let ledger: TestLedger
let door: DatabaseDoor
let jobs: JobPool
beforeEach(async () => {
  ledger = await createTestLedger()
  door = await startDatabaseDoor(ledger.database.appUrl)
  jobs = await open()
})
afterEach(async () => {
  door.open()
  await jobs.end()
  await door.close()
  await ledger.close()
})

const open = () =>
  createJobPool({ databaseUrl: door.databaseUrl, applicationName: "test-jobs", connectionsMax: 4 }, logger)

/** As graphile-worker asks. */
async function ask(number: number): Promise<number | undefined> {
  const client = await jobs.pool.connect()
  try {
    return (await client.query<{ answer: number }>("SELECT $1::int AS answer", [number])).rows[0]?.answer
  } finally {
    client.release()
  }
}

async function loseDatabase(): Promise<void> {
  door.shut()
  await waitUntil(async () => jobs.pool.totalCount === 0, { what: "the pool has noticed" })
}

/** As its listener does. */
const called = () =>
  new Promise<{ client: pg.PoolClient; release: () => void }>((resolve, reject) => {
    jobs.pool.connect((error, client, release) => {
      if (error !== undefined || client === undefined) reject(error)
      else resolve({ client, release })
    })
  })

it("without its database nobody is refused: one asks whether it is back, and all go on", async () => {
  await loseDatabase()
  const answers = Promise.all(Array.from({ length: 20 }, (_, number) => ask(number)))
  const listening = called()
  await waitUntil(async () => door.refused() >= 5, { what: "it was asked for some times" })
  // Those that had come before one was told; from then on one more each time.
  const before = door.refused()
  await new Promise((resolve) => setTimeout(resolve, 3_000))
  expect(door.refused() - before).toBeLessThan(4)
  door.open()
  expect(await answers).toEqual(Array.from({ length: 20 }, (_, number) => number))
  const { client, release } = await listening
  expect((await client.query("SELECT 7 AS answer")).rows).toEqual([{ answer: 7 }])
  release()
  expect(jobs.pool.totalCount).toBe(jobs.pool.idleCount)
})

it("says of a statement that the database did not answer that it may be asked again, and of a wrong one what is wrong", async () => {
  const [one, other] = [await jobs.pool.connect(), await jobs.pool.connect()]
  await expect(one.query("SELECT 1 / 0")).rejects.toMatchObject({ code: "22012" })
  await expect(one.query("SELECT nothing")).rejects.toMatchObject({ code: "42703" })
  const cut = one.query("SELECT pg_sleep(30)")
  cut.catch(() => undefined)
  await new Promise((resolve) => setTimeout(resolve, 200))
  door.shut()
  await expect(cut).rejects.toMatchObject({ code: "40001" })
  await expect(other.query("SELECT 1")).rejects.toMatchObject({ code: "40001" })
  one.release(true)
  other.release(true)
  door.open()
  expect(await ask(3)).toBe(3)
})

it("a connection that was given back twice stays its next holder's", async () => {
  const { client, release } = await called()
  release()
  const next = await jobs.pool.connect()
  expect(next).toBe(client)
  expect(() => release()).toThrow(/already been released/)
  expect(jobs.pool.idleCount).toBe(0)
  next.release()
})

it("ends while its database is gone", async () => {
  await loseDatabase()
  const waiting = ask(1).then(
    () => "answered",
    () => "refused",
  )
  await waitUntil(async () => door.refused() > 0, { what: "it was asked for" })
  await jobs.end()
  expect(await Promise.race([waiting, Promise.resolve("waiting")])).toBe("waiting")
  door.open()
  jobs = await open()
})
