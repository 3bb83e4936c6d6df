import type { Kysely } from "kysely"
import { sql } from "kysely"
import { afterAll, beforeAll, expect, it } from "vitest"
import { readTransactions } from "../../../batcher/store/transactions.ts"
import { loadWithoutGas } from "../../../batcher/store/without-gas.ts"
import type { Database } from "../../../ledger/store/database.ts"
import { createKysely, createPool } from "../../../platform/postgres.ts"
import { createTestLedger, type TestLedger } from "../../support/test-ledger.ts"

let ledger: TestLedger
let db: Kysely<Database>
beforeAll(async () => {
  ledger = await createTestLedger()
  db = createKysely<Database>(
    createPool({
      databaseUrl: ledger.database.appUrl,
      applicationName: "test",
      connectionsMax: 1,
      // As with tables that have grown.
      settings: { enable_seqscan: "off", enable_bitmapscan: "off" },
    }),
  )
})
afterAll(async () => {
  await db.destroy()
  await ledger.close()
})

async function scans(index: string): Promise<bigint> {
  await sql`SELECT pg_stat_force_next_flush()`.execute(db)
  const { rows } = await sql<{ idx_scan: bigint }>`
    SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = ${index}`.execute(db)
  return rows[0]?.idx_scan ?? 0n
}

it("the transactions of a nonce are found by an index that has them together", async () => {
  await readTransactions(db, { chainId: 31_337n, address: `0x${"66".repeat(20)}` }, 7n)
  expect(await scans("transactions_nonce")).toBeGreaterThan(0n)
})

it("batches without gas figures are found without a walk through all that were confirmed", async () => {
  await loadWithoutGas(db, 31_337n, 10)
  expect(await scans("batches_without_gas")).toBeGreaterThan(0n)
})
