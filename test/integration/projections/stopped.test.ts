import { sql } from "kysely"
import pg from "pg"
import { afterAll, beforeAll, expect, test } from "vitest"
import { beginRebuild } from "../../../ledger/projections/async/begin-build.ts"
import { dailyTotals } from "../../../ledger/projections/async/daily-totals.ts"
import { history } from "../../../ledger/projections/async/history.ts"
import type { Projection } from "../../../ledger/projections/async/projection.ts"
import { readProgress } from "../../../ledger/projections/async/read-progress.ts"
import { resumeFailed } from "../../../ledger/projections/async/resume-failed.ts"
import { fillLedger } from "../../support/fill-ledger.ts"
import { findDifferenceFromLog, startProjections, whenCurrent } from "../../support/projection-fixture.ts"
import { createTestLedger, insertLedger, type TestLedger } from "../../support/test-ledger.ts"
import { waitUntil } from "../../support/wait-until.ts"

let ledger: TestLedger
let owner: pg.Client
beforeAll(async () => {
  ledger = await createTestLedger()
  owner = new pg.Client({ connectionString: ledger.database.ownerUrl })
  await owner.connect()
  const worker = startProjections(ledger.db, [history, dailyTotals])
  await fillLedger(ledger, 300)
  await whenCurrent(ledger.db, [history, dailyTotals])
  await worker.stop()
})
afterAll(async () => {
  await owner?.end()
  await ledger?.close()
})

const head = async () => {
  const { rows } = await sql<{ position: bigint }>`
    SELECT position FROM ledger.head WHERE ledger_id = ${ledger.ledgerId}`.execute(ledger.db)
  return rows[0]?.position ?? 0n
}

const openAlarms = async () => {
  const { rows } = await sql<{ subject: string; message: string }>`
    SELECT subject, message FROM registry.alarms WHERE kind = 'projection_failed' AND cleared_at IS NULL`.execute(
    ledger.db,
  )
  return rows
}

const stateOf = async (name: string) => {
  const build = (await readProgress(ledger.db, ledger.ledgerId)).find((one) => one.name === name)
  return build?.ledgers[0]
}

const whenStopped = (name: string) =>
  waitUntil(async () => (await stateOf(name))?.failure ?? false, {
    what: `${name} has stopped`,
    describe: () => readProgress(ledger.db),
  })

/** Cannot take one event: a statement of it fails whatever the page around it is. */
function failingAt(position: bigint): Projection {
  return {
    ...dailyTotals,
    evolve: (page, table) => [
      ...dailyTotals.evolve(page, table),
      sql`SELECT 1 / (position - ${position}) FROM ledger.event_log
        WHERE ledger_id = ${page.ledgerId} AND position > ${page.after} AND position <= ${page.upTo}`,
    ],
  }
}

test("an error in one event of many stops the projection right before it, and nobody else", async () => {
  const before = await head()
  await fillLedger(ledger, 1_000)
  const broken = before + 617n
  const worker = startProjections(ledger.db, [failingAt(broken), history])
  const failure = await whenStopped("daily_totals")
  expect(failure).toMatchObject({ position: broken, reason: "division by zero" })
  expect((await stateOf("daily_totals"))?.position).toBe(broken - 1n)
  // What it has taken before is what the log says up to there.
  expect(await findDifferenceFromLog(ledger.db, dailyTotals, ledger.ledgerId)).toBeNull()
  await whenCurrent(ledger.db, [history])
  expect(await openAlarms()).toEqual([
    {
      subject: `projection:daily_totals:v2:1:${ledger.ledgerId}`,
      message: `projection daily_totals v2, build 1 stopped before event ${broken}: division by zero`,
    },
  ])
  // More events do not make it skip, and it is not tried with each of them.
  await fillLedger(ledger, 100)
  await whenCurrent(ledger.db, [history])
  expect((await stateOf("daily_totals"))?.position).toBe(broken - 1n)
  await worker.stop()

  // The program is repaired and started again: nobody has to ask for anything.
  const repaired = startProjections(ledger.db, [dailyTotals])
  await whenCurrent(ledger.db, [dailyTotals])
  await repaired.stop()
  expect(await openAlarms()).toEqual([])
  expect(await findDifferenceFromLog(ledger.db, dailyTotals, ledger.ledgerId)).toBeNull()
})

test("what is repaired in the database goes on when it is asked to", async () => {
  await owner.query("ALTER TABLE analytics.daily_totals_v2_1 ADD CONSTRAINT broken CHECK (false) NOT VALID")
  const first = (await head()) + 1n
  const worker = startProjections(ledger.db, [dailyTotals])
  await fillLedger(ledger, 10)
  const failure = await whenStopped("daily_totals")
  expect(failure?.position).toBe(first)
  expect(failure?.reason).toMatch(/violates check constraint "broken"/)
  await owner.query("ALTER TABLE analytics.daily_totals_v2_1 DROP CONSTRAINT broken")
  expect(await resumeFailed(ledger.db, "daily_totals")).toBe(1)
  await whenCurrent(ledger.db, [dailyTotals])
  await worker.stop()
  expect(await openAlarms()).toEqual([])
})

test("a build that has stopped beside the tables that serve takes their place when it goes on, and its alarm ends", async () => {
  const builds = async () => (await readProgress(ledger.db)).filter(({ name }) => name === "daily_totals")
  expect((await beginRebuild(ledger.db, dailyTotals))?.build).toBe(2)
  await owner.query("ALTER TABLE analytics.daily_totals_v2_2 ADD CONSTRAINT broken CHECK (false) NOT VALID")
  const worker = startProjections(ledger.db, [dailyTotals])
  await waitUntil(async () => (await openAlarms()).length > 0, { what: "it alarms" })
  // Time enough to try to take over several times.
  await new Promise((resolve) => setTimeout(resolve, 5_000))
  expect(await openAlarms()).toMatchObject([{ subject: `projection:daily_totals:v2:2:${ledger.ledgerId}` }])
  await owner.query("ALTER TABLE analytics.daily_totals_v2_2 DROP CONSTRAINT broken")
  expect(await resumeFailed(ledger.db, "daily_totals")).toBe(1)
  await waitUntil(
    async () => (await builds()).some(({ build, state }) => build === 2 && state === "serving"),
    {
      what: "it serves",
      timeoutMs: 20_000,
      describe: builds,
    },
  )
  await worker.stop()
  expect(await openAlarms()).toEqual([])
  expect(await findDifferenceFromLog(ledger.db, dailyTotals, ledger.ledgerId)).toBeNull()
})

test("one ledger that has stopped keeps no other one back", async () => {
  const otherId = await insertLedger(ledger.db)
  const other = { ...ledger, ledgerId: otherId }
  const broken = (await head()) + 5n
  await fillLedger(ledger, 10)
  const worker = startProjections(ledger.db, [failingAt(broken)])
  await whenStopped("daily_totals")
  await fillLedger(other, 20)
  await waitUntil(
    async () => {
      const [progress] = await readProgress(ledger.db, otherId)
      return progress?.ledgers.every(({ position, head: last }) => position === last && last > 20n)
    },
    { what: "the other ledger is taken" },
  )
  await worker.stop()
  const repaired = startProjections(ledger.db, [dailyTotals])
  await whenCurrent(ledger.db, [dailyTotals])
  await repaired.stop()
})

test("an event of a type or a version that the program does not know stops it, and a newer program goes on", async () => {
  const worker = startProjections(ledger.db, [dailyTotals])
  const position = (await head()) + 1n
  // A newer program has written it.
  await owner.query(
    `INSERT INTO ledger.events (ledger_id, position, type, version, occurred_at, recorded_at, causation, data, prev_hash, hash)
      SELECT ledger_id, position + 1, 'PrizeDrawn', 3, now(), now(), 'test', '{}', hash, hash FROM ledger.head WHERE ledger_id = $1`,
    [ledger.ledgerId],
  )
  await owner.query("UPDATE ledger.head SET position = position + 1 WHERE ledger_id = $1", [ledger.ledgerId])
  const failure = await whenStopped("daily_totals")
  expect(failure).toMatchObject({
    position,
    reason: `event ${position} is a PrizeDrawn of version 3, which this program does not know`,
  })
  await worker.stop()
  const handles = { ...dailyTotals.handles, PrizeDrawn: [3] }
  const newer = startProjections(ledger.db, [{ ...dailyTotals, handles }])
  await whenCurrent(ledger.db, [dailyTotals])
  await newer.stop()
  expect(await openAlarms()).toEqual([])
})

test("a hole in the log stops it", async () => {
  const position = (await head()) + 1n
  await owner.query("UPDATE ledger.head SET position = position + 1 WHERE ledger_id = $1", [ledger.ledgerId])
  const worker = startProjections(ledger.db, [
    { ...dailyTotals, handles: { ...dailyTotals.handles, PrizeDrawn: [3] } } as Projection,
  ])
  expect(await whenStopped("daily_totals")).toMatchObject({
    position,
    reason: `event ${position} is missing in the log`,
  })
  await worker.stop()
})
