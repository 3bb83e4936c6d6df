import { setTimeout as sleep } from "node:timers/promises"
import { sql } from "kysely"
import { afterAll, beforeAll, expect, test } from "vitest"
import { createReadPool } from "../../../api/balances/read-pool.ts"
import {
  countOperationStatuses,
  readBatchChanges,
  readChange,
  readOperationChanges,
} from "../../../api/queries/changes.ts"
import { readHistory } from "../../../api/queries/history.ts"
import { readUserAccounts } from "../../../api/queries/user-accounts.ts"
import type { Database } from "../../../ledger/store/database.ts"
import { findPosition } from "../../../ledger/store/find-position.ts"
import { readUserBalancesAt } from "../../../ledger/store/read-balances-at.ts"
import { createKysely } from "../../../platform/postgres.ts"
import { startTestApi, type TestApi } from "../../support/test-api.ts"

let api: TestApi
beforeAll(async () => {
  api = await startTestApi()
})
afterAll(() => api?.close())

const users = 1_000
const adjustments = Array.from({ length: users }, (_, index) => ({
  ...{ user_id: `user-${index}`, amount: "+1", reason_type: "reward", token_symbol: "CPOP" },
}))
const entriesMax = 1_000

test("what was prepared while the ledger was small goes by the indexes when it is large", async () => {
  expect((await api.adjust({ adjustments })).status).toBe(200)
  const pool = createReadPool({
    ...{ databaseUrl: api.database.appUrl, applicationName: "test", connectionsMax: 1 },
  })
  const db = createKysely<Database>(pool)
  const { ledgerId } = api.app
  const ids = (await readUserAccounts(db, ledgerId, "user-7")).map(({ account_id: id }) => id)
  expect(ids).toHaveLength(1)
  const now = new Date()
  const reads: Record<string, () => Promise<unknown>> = {
    accounts: () => readUserAccounts(db, ledgerId, "user-7"),
    history: () => readHistory(db, ledgerId, ids, {}, null, 20),
    historyOfThree: () => readHistory(db, ledgerId, [...ids, 1n, 2n], {}, null, 20),
    change: () => readChange(db, ledgerId, 1_500n),
    operation: () =>
      readOperationChanges(db, ledgerId, { firstPosition: 1_100n, lastPosition: 1_110n }, null, 20),
    statuses: () => countOperationStatuses(db, ledgerId, { firstPosition: 1_100n, lastPosition: 1_110n }),
    batch: () => readBatchChanges(db, ledgerId, 1n, null, 20),
    balances: () => readUserBalancesAt(db, ledgerId, "user-7", 1_500n),
    position: () => findPosition(db, ledgerId, { position: 1_500n }, now),
    time: () => findPosition(db, ledgerId, { time: now }, new Date()),
  }
  const entries = async () => {
    await sql`SELECT pg_stat_force_next_flush()`.execute(db)
    const { rows } = await sql<{ read: bigint }>`
      SELECT sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::bigint
        + (SELECT sum(idx_tup_read)::bigint FROM pg_stat_user_indexes) AS read FROM pg_stat_user_tables`.execute(
      api.openAsOwner(),
    )
    return Number(rows[0]?.read ?? 0n)
  }
  for (const read of Object.values(reads)) await read()
  for (let round = 0; round < 20; round += 1) expect((await api.adjust({ adjustments })).status).toBe(200)
  // Other sessions tell what they read a second late.
  await sleep(2_000)
  const counts: Record<string, number> = {}
  for (const [name, read] of Object.entries(reads)) {
    // The least of three: other sessions read as well.
    for (let tries = 0; tries < 3; tries += 1) {
      const before = await entries()
      await read()
      counts[name] = Math.min(counts[name] ?? Number.POSITIVE_INFINITY, (await entries()) - before)
    }
  }
  await db.destroy()
  expect(Object.fromEntries(Object.entries(counts).filter(([, count]) => count > entriesMax))).toEqual({})
})
