import { afterAll, beforeAll, expect, it } from "vitest"
import { verifyLedger } from "../../../ledger/audit/verify-ledger.ts"
import { allProjections } from "../../../ledger/projections/async/all-projections.ts"
import { beginRebuild } from "../../../ledger/projections/async/begin-build.ts"
import { readProgress } from "../../../ledger/projections/async/read-progress.ts"
import { createPool } from "../../../platform/postgres.ts"
import { startProjections, whenCurrent } from "../../support/projection-fixture.ts"
import { startTestApi, type TestApi } from "../../support/test-api.ts"
import { waitUntil } from "../../support/wait-until.ts"

let api: TestApi
beforeAll(async () => {
  api = await startTestApi()
})
afterAll(() => api?.close())

const verify = () => verifyLedger(api.db, api.app.ledgerId)

it("verify names what is not built, and goes on while a projection is swapped for another build", async () => {
  await api.fund("ann", "5")
  const names = allProjections.map(({ name }) => name)
  expect(await verify()).toMatchObject({ ok: true, uncompared: names })
  const [projection] = allProjections
  if (projection === undefined) throw new Error("there are no projections")
  const running = startProjections(api.db)
  const owner = createPool({ databaseUrl: api.database.ownerUrl, applicationName: "test", connectionsMax: 1 })
  try {
    await whenCurrent(api.db)
    // Stands for a log that takes minutes to read.
    await owner.query("BEGIN; LOCK TABLE ledger.checkpoints IN ACCESS EXCLUSIVE MODE")
    const verified = verify()
    await waitUntil(
      async () => {
        const { rows } = await owner.query("SELECT FROM pg_locks WHERE NOT granted")
        return rows.length > 0
      },
      { what: "verify waits" },
    )
    await beginRebuild(api.db, projection)
    await waitUntil(
      async () =>
        (await readProgress(api.db)).some(({ name, build, state }) => {
          return name === projection.name && build === 2 && state === "serving"
        }),
      { what: "another build serves", describe: () => readProgress(api.db) },
    )
    // It would be dropped with the builder's next turn, which gives up after two seconds of waiting.
    await new Promise((resolve) => setTimeout(resolve, 3_000))
    await owner.query("COMMIT")
    expect(await verified).toMatchObject({ ok: true, uncompared: [] })
    expect(await verify()).toMatchObject({ ok: true, uncompared: [] })
    await running.stop()
    const [table] = projection.tables
    await owner.query(`DROP TABLE analytics.${table}_v${projection.version}_2 CASCADE`)
    expect(await verify()).toMatchObject({
      ok: false,
      problem: expect.stringContaining("which are not there"),
    })
  } finally {
    await running.stop()
    await owner.end()
  }
})
