import fc from "fast-check"
import { sql } from "kysely"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { verifyProjections } from "../../../ledger/audit/verify-projections.ts"
import { allProjections } from "../../../ledger/projections/async/all-projections.ts"
import { beginRebuild } from "../../../ledger/projections/async/begin-build.ts"
import { type Build, readServing } from "../../../ledger/projections/async/build.ts"
import { compareBuild } from "../../../ledger/projections/async/compare-build.ts"
import { operationStatus } from "../../../ledger/projections/async/operation-status.ts"
import { projectPage } from "../../../ledger/projections/async/project-page.ts"
import { fillLedger } from "../../support/fill-ledger.ts"
import { liveThrough } from "../../support/live-through.ts"
import { countDifferences, startProjections, whenCurrent } from "../../support/projection-fixture.ts"
import { type LogStep, logSteps, writeRandomLog } from "../../support/random-log.ts"
import { createTestLedger, insertLedger, type TestLedger } from "../../support/test-ledger.ts"

let ledger: TestLedger
beforeAll(async () => {
  ledger = await createTestLedger()
})
afterAll(() => ledger?.close())

test("any log, taken in pages of any size, gives what it gives in one piece", async () => {
  const builds: [Build, Build][] = []
  for (const projection of allProjections) {
    const pair: Build[] = []
    for (const _ of ["pages", "whole"]) {
      const key = await beginRebuild(ledger.db, projection)
      if (key === null) throw new Error("a build is in the way")
      pair.push({ ...key, projection })
      // Two at once are not for the product: nobody is to take the first one's place here.
      await sql`UPDATE ledger.projections SET state = 'serving' WHERE name = ${key.name} AND build = 1`.execute(
        ledger.db,
      )
    }
    const [pages, whole] = pair
    if (pages !== undefined && whole !== undefined) builds.push([pages, whole])
  }
  await fc.assert(
    fc.asyncProperty(
      logSteps,
      fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }),
      async (steps, sizes) => {
        const ledgerId = await insertLedger(ledger.db)
        await writeRandomLog({ ...ledger, ledgerId }, steps)
        for (const [pages, whole] of builds) {
          await fill(pages, ledgerId, sizes)
          await fill(whole, ledgerId, [100_000])
          const problem = await ledger.db.transaction().execute(async (trx) => {
            const { rows } = await sql<{ position: bigint }>`
            SELECT position FROM ledger.head WHERE ledger_id = ${ledgerId}`.execute(trx)
            return compareBuild(trx, pages, ledgerId, rows[0]?.position ?? 0n)
          })
          expect(problem).toBeNull()
          const { differences } = await ledger.db
            .transaction()
            .execute((trx) => countDifferences(trx, pages.projection, [pages, whole]))
          expect(differences).toBe(0)
        }
        expect(await findFalseSums(ledgerId)).toEqual([])
      },
    ),
    { numRuns: 40 },
  )
}, 240_000)

/** Accounts whose balance or held amount the history or the totals do not add up to. They say it without the log and without each other. */
async function findFalseSums(ledgerId: string): Promise<readonly unknown[]> {
  const { rows } = await sql`
    SELECT b.account_id, b.pending, b.locked, h.*
    FROM ledger.balances b
    CROSS JOIN LATERAL (
      SELECT coalesce(sum(amount), 0) AS amounts, coalesce(sum(locked_change), 0) AS locked_changes,
        coalesce((array_agg(balance_after ORDER BY position DESC))[1], 0) AS last
      FROM analytics.history_v2_1 WHERE ledger_id = b.ledger_id AND account_id = b.account_id
    ) AS h
    WHERE b.ledger_id = ${ledgerId} AND (h.amounts, h.last, h.locked_changes) <> (b.pending, b.pending, b.locked)
    UNION ALL
    SELECT 0, (SELECT coalesce(sum(pending), 0) FROM ledger.balances WHERE ledger_id = ${ledgerId}), 0, coalesce(sum(credits - debits), 0), 0, 0
    FROM analytics.daily_totals_v2_1 WHERE ledger_id = ${ledgerId}
    HAVING coalesce(sum(credits - debits), 0) <> (SELECT coalesce(sum(pending), 0) FROM ledger.balances WHERE ledger_id = ${ledgerId})`.execute(
    ledger.db,
  )
  return rows
}

test("a change that no operation has is counted in none", async () => {
  const apart = await createTestLedger()
  const step = (step: LogStep) => ({ clockMs: 0, step })
  await writeRandomLog(apart, [
    step({ kind: "adjust", user: 0, amount: 90 }),
    step({ kind: "hold", user: 0, amount: 10 }),
    step({ kind: "end hold", how: "capture", part: 10 }),
    step({ kind: "settle", drift: 0 }),
  ])
  const key = await beginRebuild(apart.db, operationStatus)
  if (key === null) throw new Error("a build is in the way")
  await fill({ ...key, projection: operationStatus }, apart.ledgerId, [100], apart.db)
  const { rows } = await sql`
    SELECT changes, settled FROM analytics.operation_status_v2_1 ORDER BY first_position`.execute(apart.db)
  expect(rows).toEqual([
    { changes: 1, settled: 1 },
    { changes: 0, settled: 0 },
  ])
  await apart.close()
})

test("an operation that pages cut into pieces is one operation", async () => {
  const cut = await createTestLedger()
  await fillLedger(cut, 1_200)
  const key = await beginRebuild(cut.db, operationStatus)
  if (key === null) throw new Error("a build is in the way")
  const build = { ...key, projection: operationStatus }
  await fill(build, cut.ledgerId, [170], cut.db)
  const problem = await cut.db.transaction().execute(async (trx) => {
    const { rows } = await sql<{ position: bigint }>`SELECT position FROM ledger.head`.execute(trx)
    return compareBuild(trx, build, cut.ledgerId, rows[0]?.position ?? 0n)
  })
  expect(problem).toBeNull()
  const { rows } =
    await sql`SELECT changes FROM analytics.operation_status_v2_1 ORDER BY first_position`.execute(cut.db)
  expect(rows).toEqual([{ changes: 500 }, { changes: 500 }, { changes: 200 }])
  await cut.close()
})

async function fill(build: Build, ledgerId: string, sizes: readonly number[], db = ledger.db): Promise<void> {
  await sql`
    INSERT INTO ledger.projection_checkpoints (ledger_id, name, version, build)
    VALUES (${ledgerId}, ${build.name}, ${build.version}, ${build.build})`.execute(db)
  for (let page = 0; ; page += 1) {
    const result = await projectPage(db, build, ledgerId, BigInt(sizes[page % sizes.length] ?? 1))
    if (result.outcome !== "projected") throw new Error("reason" in result ? result.reason : result.outcome)
    if (!result.isBehind) return
  }
}

describe("what SQL users read", () => {
  let lived: TestLedger
  beforeAll(async () => {
    lived = await createTestLedger()
    await liveThrough(lived)
    const worker = startProjections(lived.db)
    await whenCurrent(lived.db)
    await worker.stop()
  })
  afterAll(() => lived?.close())

  const history = async (userId: string) => {
    const { rows } = await sql<{ row: string }>`
      SELECT concat_ws(' ', kind, amount, balance_before, balance_after, locked_change, reason_type, business_type, status) AS row
      FROM analytics.history WHERE user_id = ${userId} ORDER BY position`.execute(lived.db)
    return rows.map(({ row }) => row)
  }

  test("the history of an account, with what settlement and the chain made of it", async () => {
    expect(await history("carl")).toMatchInlineSnapshot(`
      [
        "AdjustmentRecorded 9 0 9 0 reward reward confirmed",
        "AdjustmentRecorded -9 9 0 0 reward reward confirmed",
        "AdjustmentRecorded 4 0 4 0 reward reward batching",
        "AdjustmentRecorded 5 4 9 0 reward reward batching",
        "AdjustmentRecorded 2 9 11 0 reward reward pending",
      ]
    `)
    expect(await history("bob")).toMatchInlineSnapshot(`
      [
        "AdjustmentRecorded 300 0 300 0 reward reward confirmed",
        "DepositObserved 7 300 307 0 transfer_in deposit reversed",
        "ConfirmationRevoked -7 307 300 0 transfer_in deposit confirmed",
        "AdjustmentRecorded -50 300 250 0 reward reward batching",
        "AdjustmentRecorded -1 250 249 0 reward reward batching",
      ]
    `)
  })

  test("a batch's transaction on what it settled, and none on what was taken back", async () => {
    const { rows } = await sql`
      SELECT status, batch_id IS NOT NULL AS batched, transaction_hash IS NOT NULL AS sent, confirmed_at IS NOT NULL AS dated, count(*)::int AS n
      FROM analytics.history WHERE kind = 'AdjustmentRecorded' GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4`.execute(
      lived.db,
    )
    expect(rows).toMatchInlineSnapshot(`
      [
        {
          "batched": true,
          "dated": false,
          "n": 5,
          "sent": false,
          "status": "batching",
        },
        {
          "batched": false,
          "dated": false,
          "n": 2,
          "sent": false,
          "status": "confirmed",
        },
        {
          "batched": true,
          "dated": true,
          "n": 3,
          "sent": true,
          "status": "confirmed",
        },
        {
          "batched": false,
          "dated": false,
          "n": 2,
          "sent": false,
          "status": "pending",
        },
      ]
    `)
  })

  test("the accounts that a confirmation leaves out are not settled by it", async () => {
    const { rows } = await sql`
      SELECT batch_sequence, unsettled_accounts FROM analytics.history_batches_v2_1 ORDER BY batch_sequence`.execute(
      lived.db,
    )
    expect(rows).toEqual([
      { batch_sequence: 1n, unsettled_accounts: [] },
      { batch_sequence: 2n, unsettled_accounts: ["2"] },
      { batch_sequence: 3n, unsettled_accounts: null },
      { batch_sequence: 4n, unsettled_accounts: null },
    ])
  })

  test("all days of a token give the sum of its balances", async () => {
    const { rows } = await sql`
      SELECT (SELECT sum(net) FROM analytics.daily_totals) AS totals, (SELECT sum(pending) FROM ledger.balances) AS balances`.execute(
      lived.db,
    )
    expect(rows).toMatchInlineSnapshot(`
      [
        {
          "balances": 712n,
          "totals": 712n,
        },
      ]
    `)
  })

  test("what became of operations", async () => {
    const { rows } = await sql<{ row: string }>`
      SELECT concat_ws(' ', operation_id, status, changes, settled, reversed, failed) AS row
      FROM analytics.operation_status ORDER BY first_position`.execute(lived.db)
    expect(rows.map(({ row }) => row)).toMatchInlineSnapshot(`
      [
        "fund confirmed 3 3 0 0",
        "net confirmed 1 1 0 0",
        "spend partly_confirmed 3 1 0 0",
        "more recorded 1 0 0 0",
        "again recorded 2 0 0 0",
        "waiting recorded 1 0 0 0",
        "late recorded 1 0 0 0",
      ]
    `)
  })

  test("no word that a caller may want erased", async () => {
    const { rows } = await sql<{ column: string }>`
      SELECT attname AS column FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
      WHERE c.relnamespace = 'analytics'::regnamespace AND attname ~ 'detail|metadata|salt'`.execute(lived.db)
    expect(rows).toEqual([])
  })

  test("every column with its meaning", async () => {
    const { rows } = await sql<{ column: string }>`
      SELECT c.relname || '.' || a.attname AS column FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
      WHERE c.relnamespace = 'analytics'::regnamespace AND c.relkind = 'v' AND col_description(c.oid, a.attnum) IS NULL`.execute(
      lived.db,
    )
    expect(rows).toEqual([])
  })

  test.each([
    [
      "history",
      "UPDATE analytics.history_v2_1 SET amount = amount + 1 WHERE position = 5",
      /amount is 301, the log says 300/,
    ],
    [
      "history",
      "DELETE FROM analytics.history_v2_1 WHERE position = 5",
      /history lacks the row of position 5/,
    ],
    [
      "history",
      "UPDATE analytics.history_fates_v2_1 SET state = 'waiting', batch_sequence = NULL WHERE position = 4",
      /history_fates/,
    ],
    [
      "history",
      "UPDATE analytics.history_batches_v2_1 SET block_number = 77 WHERE batch_sequence = 1",
      /block_number is 77/,
    ],
    [
      "history",
      `INSERT INTO analytics.history_v2_1 (ledger_id, position, account_id, kind, operation_id, sequence, amount, locked_change, balance_after, reason_type, business_type, recorded_at)
       SELECT ledger_id, 1000000, account_id, kind, 'invented', 0, 1, 0, 1, reason_type, business_type, recorded_at FROM analytics.history_v2_1 WHERE kind = 'AdjustmentRecorded' LIMIT 1`,
      /history has a row of position 1000000, account_id \d+, which the log does not give/,
    ],
    [
      "history",
      "INSERT INTO analytics.history_fates_v2_1 (ledger_id, position, said_position, state) SELECT ledger_id, position, 1000000, 'waiting' FROM analytics.history_fates_v2_1 LIMIT 1",
      /history_fates has a row/,
    ],
    ["history", "DELETE FROM ledger.projection_checkpoints WHERE name = 'history'", /history has a row/],
    ["daily_totals", "UPDATE analytics.daily_totals_v2_1 SET credits = credits + 1", /credits is/],
    ["operation_status", "DELETE FROM analytics.operation_batches_v2_1", /operation_batches lacks the row/],
    [
      "operation_status",
      "UPDATE analytics.operation_status_v2_1 SET settled = 0",
      /settled is 0, the log says/,
    ],
  ])("verify finds what was changed in %s: %s", async (name, tamper, said) => {
    await lived.db
      .transaction()
      .execute(async (trx) => {
        expect(await verifyProjections(trx, lived.ledgerId, await readServing(trx))).toBeNull()
        await sql.raw(tamper).execute(trx)
        const problem = await verifyProjections(trx, lived.ledgerId, await readServing(trx))
        expect(problem?.problem).toMatch(said)
        expect(problem?.problem).toMatch(`projection ${name} v2, build 1`)
        throw new Error("undone")
      })
      .catch((error: Error) => {
        if (error.message !== "undone") throw error
      })
  })
})
