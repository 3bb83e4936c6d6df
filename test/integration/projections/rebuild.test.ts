import { sql } from "kysely"
import { afterAll, beforeAll, expect, test } from "vitest"
import { allProjections } from "../../../ledger/projections/async/all-projections.ts"
import { beginRebuild, ensureBuild } from "../../../ledger/projections/async/begin-build.ts"
import { readBuilds } from "../../../ledger/projections/async/build.ts"
import { createFiller } from "../../../ledger/projections/async/catch-up.ts"
import { dailyTotals } from "../../../ledger/projections/async/daily-totals.ts"
import { projectPage } from "../../../ledger/projections/async/project-page.ts"
import type { Projection } from "../../../ledger/projections/async/projection.ts"
import { indexBuild, serveBuild } from "../../../ledger/projections/async/serve-build.ts"
import { createLogger } from "../../../platform/logger.ts"
import {
  compareAtSwap,
  findBuild,
  findDifferenceFromLog,
  startProjections,
  whenCurrent,
} from "../../support/projection-fixture.ts"
import { createTestLedger, type TestLedger } from "../../support/test-ledger.ts"
import { waitUntil } from "../../support/wait-until.ts"
import { writeContinuously } from "../../support/write-continuously.ts"

let ledger: TestLedger
let load: ReturnType<typeof writeContinuously>
beforeAll(async () => {
  ledger = await createTestLedger()
  load = writeContinuously(ledger)
})
afterAll(async () => {
  await load?.stop()
  await ledger?.close()
})

const logger = createLogger("test", "silent")
const tablesIn = async () => {
  const { rows } = await sql<{ name: string }>`
    SELECT tablename AS name FROM pg_tables WHERE schemaname = 'analytics' ORDER BY 1`.execute(ledger.db)
  return rows.map(({ name }) => name)
}

test.each(allProjections)(
  "$name is rebuilt while writes go on, and is equal when it takes over",
  async (projection) => {
    const { db } = ledger
    const worker = startProjections(db, [projection])
    await waitUntil(
      async () => (await readBuilds(db, projection.name)).some(({ state }) => state === "serving"),
      {
        what: "the first build serves",
      },
    )
    await worker.stop()
    const before = load.count()
    await beginRebuild(db, projection)
    expect(await beginRebuild(db, projection)).toBeNull()
    const building = await findBuild(db, projection, "building")
    const filler = createFiller(db, logger)
    // Writes never stop: it has read the log when little is missing.
    await filler.fill(building, () => true)
    await indexBuild(db, building, () => undefined)
    const compared = await waitUntil(() => compareAtSwap(db, projection), {
      what: "both stand at one position",
    })
    expect(compared.differences).toBe(0)
    expect(compared.rows).toBeGreaterThan(projection.tables.length)
    // Nobody fills either of them now: what is written since is taken by the swap.
    const since = await headOf()
    await waitUntil(async () => (await headOf()) > since + 20n, { what: "more is written" })
    const wanted = await headOf()
    const former = await findBuild(db, projection, "serving")
    expect(await serveBuild(db, building)).toBe(true)
    expect(await servingPosition(projection.name)).toBeGreaterThanOrEqual(wanted)
    // Whoever was about to fill the former one finds nothing to hold.
    expect(await projectPage(db, former, ledger.ledgerId, 100n)).toEqual({ outcome: "taken" })
    expect(await serveBuild(db, building)).toBe(false)
    expect(load.count()).toBeGreaterThan(before)
    expect(await findDifferenceFromLog(db, projection, ledger.ledgerId)).toBeNull()
  },
)

test("readers see one version or the other, never less than before and never an error", async () => {
  const { db } = ledger
  const worker = startProjections(db)
  await waitUntil(async () => (await tablesIn()).length === 6, {
    what: "only the tables that serve are left",
  })
  let isDone = false
  let reads = 0
  const reading = (async () => {
    for (let last = 0n; !isDone; reads += 1) {
      const { rows } = await sql<{ rows: bigint; changes: bigint; operations: bigint }>`
        SELECT (SELECT count(*) FROM analytics.history) AS rows, (SELECT sum(changes)::bigint FROM analytics.daily_totals) AS changes,
          (SELECT count(*) FROM analytics.operation_status) AS operations`.execute(db)
      const { rows: count = 0n } = rows[0] ?? {}
      expect(count).toBeGreaterThanOrEqual(last)
      last = count
    }
  })()
  for (const projection of allProjections) await beginRebuild(db, projection)
  await waitUntil(
    async () => {
      const builds = (await Promise.all(allProjections.map(({ name }) => readBuilds(db, name)))).flat()
      return builds.length === 3 && builds.every(({ state, build }) => state === "serving" && build > 2)
    },
    { what: "all are rebuilt and the former tables dropped", timeoutMs: 60_000 },
  )
  isDone = true
  await reading
  expect(reads).toBeGreaterThan(2)
  expect(await tablesIn()).toHaveLength(6)
  await worker.stop()
})

/** The same rows and one column more. */
const nextVersion: Projection = {
  ...dailyTotals,
  version: dailyTotals.version + 1,
  views: (table) => [
    sql`
      CREATE OR REPLACE VIEW analytics.daily_totals AS
      SELECT d.ledger_id, d.day, t.chain_id, t.symbol AS token_symbol, t.decimals, d.reason_type, d.business_type, d.changes, d.credits, d.debits,
        d.credits - d.debits AS net, 'next' AS edition
      FROM ${table("daily_totals")} d JOIN registry.tokens t ON t.token_id = d.token_id`,
  ],
}

test("a newer program builds its version beside the one that serves, and an older one lets it be", async () => {
  const { db } = ledger
  const older = startProjections(db, [dailyTotals])
  await waitUntil(async () => (await tablesIn()).includes("daily_totals_v2_3"), {
    what: "the version before is there",
  })
  // While the new version is held up in the middle of its first page, the old one goes on for its readers.
  expect(await ensureBuild(db, nextVersion)).toBe(true)
  const holder = await ledger.pool.connect()
  await holder.query("BEGIN")
  await holder.query("SET LOCAL idle_in_transaction_session_timeout = 0")
  await holder.query("LOCK TABLE analytics.daily_totals_v3_1 IN SHARE MODE")
  const newer = startProjections(db, [nextVersion])
  const before = await servingPosition()
  await waitUntil(async () => (await servingPosition()) > before, {
    what: "the version before follows",
  })
  expect((await readBuilds(db, "daily_totals")).map(({ version, state }) => `${version} ${state}`)).toEqual([
    "2 serving",
    "3 building",
  ])
  await holder.query("ROLLBACK")
  holder.release()
  await waitUntil(
    async () => {
      const { rows } = await sql`
        SELECT FROM pg_attribute WHERE attrelid = 'analytics.daily_totals'::regclass AND attname = 'edition'`.execute(
        db,
      )
      return rows.length > 0
    },
    { what: "the next version serves" },
  )
  expect(await servingPosition()).toBeGreaterThanOrEqual(before)
  await waitUntil(async () => !(await tablesIn()).includes("daily_totals_v2_3"), {
    what: "the tables of the version before are dropped",
  })
  // The older program neither touches the tables nor builds its own again.
  const taken = await servingPosition()
  await waitUntil(async () => (await servingPosition()) > taken, {
    what: "the next version follows",
  })
  expect((await readBuilds(db, "daily_totals")).map(({ version, state }) => `${version} ${state}`)).toEqual([
    "3 serving",
  ])
  expect(await findDifferenceFromLog(db, nextVersion, ledger.ledgerId)).toBeNull()
  await Promise.all([older.stop(), newer.stop()])
})

/** Other code for the same views. */
const lastVersion: Projection = { ...nextVersion, version: nextVersion.version + 1 }

test("a program that comes back, after an older one has built its own version again, builds its version once more", async () => {
  const { db } = ledger
  const serve = async (projection: Projection) => {
    const worker = startProjections(db, [projection])
    await waitUntil(
      async () =>
        (await readBuilds(db, projection.name)).some(
          ({ state, version }) => state === "serving" && version === projection.version,
        ),
      { what: `version ${projection.version} serves` },
    ).finally(() => worker.stop())
  }
  await serve(lastVersion)
  expect(await beginRebuild(db, nextVersion)).not.toBeNull()
  await serve(nextVersion)
  await serve(lastVersion)
  expect(await ensureBuild(db, nextVersion)).toBe(false)
  expect(await findDifferenceFromLog(db, lastVersion, ledger.ledgerId)).toBeNull()
})

test("a build that an older program has begun, and nobody goes on with, keeps no newer one waiting", async () => {
  const { db } = ledger
  expect(await beginRebuild(db, nextVersion)).toMatchObject({ version: nextVersion.version })
  const begun = await beginRebuild(db, lastVersion)
  expect(begun).toMatchObject({ version: lastVersion.version })
  // The other way round it is somebody's who is there, or comes back.
  expect(await beginRebuild(db, nextVersion)).toBeNull()
  const worker = startProjections(db, [lastVersion])
  await waitUntil(
    async () => {
      const [build, ...others] = await readBuilds(db, lastVersion.name)
      return others.length === 0 && build?.state === "serving" && build.build === begun?.build
    },
    { what: "the newer build serves, and no other one is left" },
  ).finally(() => worker.stop())
})

async function servingPosition(name = "daily_totals"): Promise<bigint> {
  const { rows } = await sql<{ position: bigint }>`
    SELECT c.position FROM ledger.projection_checkpoints c JOIN ledger.projections p USING (name, version, build)
    WHERE p.name = ${name} AND p.state = 'serving'`.execute(ledger.db)
  return rows[0]?.position ?? -1n
}

async function headOf(): Promise<bigint> {
  const { rows } = await sql<{ position: bigint }>`SELECT position FROM ledger.head`.execute(ledger.db)
  return rows[0]?.position ?? 0n
}

test("when writes have ended, all are the log", async () => {
  await load.stop()
  const projections = allProjections.map((projection) =>
    projection.name === "daily_totals" ? lastVersion : projection,
  )
  const worker = startProjections(ledger.db, projections)
  await whenCurrent(ledger.db, projections)
  await worker.stop()
  for (const projection of projections)
    expect(await findDifferenceFromLog(ledger.db, projection, ledger.ledgerId)).toBeNull()
})
