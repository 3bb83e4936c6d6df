import fc from "fast-check"
import pg from "pg"
import { afterAll, beforeAll, expect, test } from "vitest"
import { rebuildBalances } from "../../../ledger/projections/rebuild-balances.ts"
import { type LogStep, logSteps, writeRandomLog } from "../../support/random-log.ts"
import { createTestLedger, insertLedger, type TestLedger } from "../../support/test-ledger.ts"

let ledger: TestLedger
let owner: pg.Client

// Every kind of event that moves a figure, in one log.
const steps: readonly LogStep[] = [
  { kind: "adjust", user: 0, amount: 90 },
  { kind: "adjust", user: 1, amount: 30 },
  ...(["capture", "release", "expire"] as const).flatMap((how): LogStep[] => [
    { kind: "hold", user: 0, amount: 20 },
    { kind: "end hold", how, part: 7 },
  ]),
  { kind: "hold", user: 1, amount: 20 },
  { kind: "settle", drift: 3 },
  { kind: "observe", user: 1, amount: 9 },
  { kind: "revoke" },
]

beforeAll(async () => {
  ledger = await createTestLedger()
  owner = new pg.Client({ connectionString: ledger.database.ownerUrl })
  await owner.connect()
  await owner.query("SET session_replication_role = replica")
  await writeRandomLog(
    ledger,
    steps.map((step, index) => ({ clockMs: index * 10, step })),
  )
})
afterAll(async () => {
  await owner?.end()
  await ledger?.close()
})

const rebuild = (ledgerId: string) =>
  ledger.db
    .transaction()
    .setIsolationLevel("repeatable read")
    .execute((trx) => rebuildBalances(trx, ledgerId))

test.each([
  "pending = pending + 1",
  "confirmed = confirmed + 1",
  "locked = locked + 1",
  "position = 1",
  "changed_at = '2001-01-01Z'",
])("a rebuild of the balances names the row where %s", async (change) => {
  expect(await rebuild(ledger.ledgerId)).toMatchObject({ accounts: 2n, problem: null })
  await owner.query("CREATE TEMP TABLE kept AS TABLE ledger.balances")
  try {
    await owner.query(`UPDATE ledger.balances SET ${change} WHERE account_id = 2`)
    const { problem } = await rebuild(ledger.ledgerId)
    expect(problem?.problem).toMatch(/^ledger\.balances, row of account_id 2: /)
  } finally {
    await owner.query("DELETE FROM ledger.balances; INSERT INTO ledger.balances TABLE kept; DROP TABLE kept")
  }
})

test("a balance too many and one that is missing are named", async () => {
  const { ledgerId } = ledger
  await owner.query("CREATE TEMP TABLE kept AS TABLE ledger.balances")
  try {
    await owner.query("DELETE FROM ledger.balances WHERE account_id = 2")
    expect((await rebuild(ledgerId)).problem?.problem).toMatch(/lacks the row of account_id 2/)
    await owner.query(
      "INSERT INTO ledger.balances TABLE kept ON CONFLICT DO NOTHING; INSERT INTO ledger.balances SELECT ledger_id, 9, 0, 0, 0, 1, now() FROM kept LIMIT 1",
    )
    expect((await rebuild(ledgerId)).problem?.problem).toMatch(/has a row of account_id 9/)
  } finally {
    await owner.query("DELETE FROM ledger.balances; INSERT INTO ledger.balances TABLE kept; DROP TABLE kept")
  }
})

test("whatever happens to a ledger, its balances are those that its log adds up to", async () => {
  await fc.assert(
    fc.asyncProperty(logSteps, async (random) => {
      const ledgerId = await insertLedger(ledger.db)
      await writeRandomLog({ ...ledger, ledgerId }, random)
      expect(await rebuild(ledgerId)).toMatchObject({ problem: null })
    }),
    { numRuns: 20 },
  )
})
