import pg from "pg"
import { afterAll, beforeAll, expect, it } from "vitest"
import { findAccounts } from "../../../ledger/store/find-accounts.ts"
import { findBalances } from "../../../ledger/store/find-balances.ts"
import { findOperationsStatement } from "../../../ledger/store/find-operations.ts"
import type { Statement } from "../../../ledger/store/statement.ts"
import { createTestLedger, type TestLedger } from "../../support/test-ledger.ts"

// A connection of the writer keeps a plan for as long as it lives, and may have made it when the tables were empty.
let ledger: TestLedger
beforeAll(async () => {
  ledger = await createTestLedger()
})
afterAll(() => ledger.close())

async function planOf({ text }: Statement): Promise<string> {
  const { rows } = await ledger.writerPool.query<{ "QUERY PLAN": string }>(`EXPLAIN (GENERIC_PLAN) ${text}`)
  return rows.map((row) => row["QUERY PLAN"]).join("\n")
}

it.each([0, 1, 3, 100])("finds accounts by their whole key when planned with %i of them", async (count) => {
  const owner = new pg.Client({ connectionString: ledger.database.ownerUrl })
  await owner.connect()
  await owner.query(
    `INSERT INTO ledger.accounts (ledger_id, account_id, user_id, token_id, address, opened_position)
     SELECT $1, i, 'user ' || i, $2, '0x' || lpad(to_hex(i), 40, '0'), i FROM generate_series(1, $3::int) AS i
     ON CONFLICT DO NOTHING`,
    [ledger.ledgerId, ledger.tokenId, count],
  )
  await owner.query("ANALYZE ledger.accounts")
  await owner.end()
  const plan = await planOf(findAccounts(ledger.ledgerId, []))
  expect(plan).toMatch(/Index Cond: \(\(ledger_id = \$1\) AND \(user_id .*\) AND \(token_id = /)
  expect(plan).not.toMatch(/Filter|Seq Scan|Sort/)
})

it("finds operations by their whole key", async () => {
  const plan = await planOf(findOperationsStatement(ledger.ledgerId, []))
  expect(plan).toMatch(/Index Cond: \(\(ledger_id = \$1\) AND \(operation_id .*\) AND \(sequence = /)
  expect(plan).not.toMatch(/Filter|Seq Scan/)
})

it("finds balances by their whole key, and looks up once whether the log goes on from where their ids were learnt", async () => {
  const learntAt = { position: 1n, hash: Buffer.alloc(32) }
  const plan = await planOf(findBalances(ledger.ledgerId, learntAt, []))
  expect(plan).toMatch(/One-Time Filter: /)
  expect(plan).toMatch(/Index Cond: \(\(ledger_id = \$1\) AND \("?position"? = \$2\)\)/)
  expect(plan).toMatch(/Index Cond: \(\(ledger_id = \$1\) AND \(account_id = k.account_id\)\)/)
  expect(plan).not.toMatch(/Seq Scan|Sort/)
})
