import { setTimeout as sleep } from "node:timers/promises"
import { sql } from "kysely"
import { afterAll, beforeAll, expect, test } from "vitest"
import { createReadPool } from "../../../api/balances/read-pool.ts"
import { readBatchChanges } from "../../../api/queries/batches.ts"
import { readChange, readOperationChanges } from "../../../api/queries/changes.ts"
import { readHistory } from "../../../api/queries/history.ts"
import { readUserAccounts } from "../../../api/queries/user-accounts.ts"
import type { Database } from "../../../ledger/store/database.ts"
import { findPosition } from "../../../ledger/store/find-position.ts"
import { readUserBalancesAt } from "../../../ledger/store/read-balances-at.ts"
import { createKysely, queryPrepared } from "../../../platform/postgres.ts"
import { settleByHand } from "../../support/settle-by-hand.ts"
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
/** A batch is told with what it does to the supply: its thousand accounts are counted twice, each in an index and in its table. */
const entriesMax = (read: string) => (read === "batch" ? 5_000 : 1_000)

test("what was prepared while the ledger was empty goes by the indexes when it is large", async () => {
  const pool = createReadPool({
    ...{ databaseUrl: api.database.appUrl, applicationName: "test", connectionsMax: 1 },
  })
  const db = createKysely<Database>(pool)
  const { ledgerId } = api.app
  let ids = [1n]
  let batchId = `0x${"0".repeat(64)}`
  const now = new Date()
  const some = { firstPosition: 1_100n, lastPosition: 1_110n }
  const reads: Record<string, () => Promise<unknown>> = {
    accounts: () => readUserAccounts(db, ledgerId, "user-7"),
    history: () => readHistory(db, ledgerId, ids, {}, null, 20),
    historyOfThree: () => readHistory(db, ledgerId, [...ids, 1n, 2n], {}, null, 20),
    change: () => readChange(db, ledgerId, 1_500n),
    operation: () => readOperationChanges(db, ledgerId, some, null, 20),
    batch: () => readBatchChanges(db, ledgerId, batchId, null, 20),
    balances: () => readUserBalancesAt(db, ledgerId, "user-7", 1_500n),
    position: () => findPosition(db, ledgerId, { position: 1_500n }, now),
    time: () => findPosition(db, ledgerId, { time: now }, new Date()),
  }
  const owner = api.openAsOwner()
  const entries = async () => {
    await sql`SELECT pg_stat_force_next_flush()`.execute(db)
    const { rows } = await sql<{ read: bigint }>`
      SELECT sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::bigint
        + (SELECT sum(idx_tup_read)::bigint FROM pg_stat_user_indexes) AS read FROM pg_stat_user_tables`.execute(
      owner,
    )
    return Number(rows[0]?.read ?? 0n)
  }
  for (const read of Object.values(reads)) await read()
  const settlement = await settleByHand(api.db, ledgerId, api.tokens.cpop.tokenId)
  for (let round = 0; round < 6; round += 1) {
    expect((await api.adjust({ adjustments })).status).toBe(200)
    await settlement.takeIn()
    // The last ones wait.
    const batch = round < 5 ? await settlement.seal() : null
    if (batch !== null) await settlement.confirm(batch)
  }
  ids = (await readUserAccounts(db, ledgerId, "user-7")).map(({ account_id: id }) => id)
  const { rows: batches } = await sql<{ batch_id: string }>`
    SELECT batch_id FROM settlement.batches WHERE ledger_id = ${ledgerId} AND batch_sequence = 3`.execute(
    owner,
  )
  batchId = batches[0]?.batch_id ?? batchId
  expect(ids).toHaveLength(1)
  expect((await readBatchChanges(db, ledgerId, batchId, null, 20))?.changes).toHaveLength(20)
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
  await Promise.all([pool.end(), owner.destroy()])
  expect(
    Object.fromEntries(Object.entries(counts).filter(([name, count]) => count > entriesMax(name))),
  ).toEqual({})
})

test("a read that is not answered in time takes its connection along", async () => {
  const pool = createReadPool({
    ...{
      databaseUrl: api.database.appUrl,
      applicationName: "test",
      connectionsMax: 1,
      queryTimeoutMs: 2_000,
    },
  })
  const db = createKysely<Database>(pool)
  const pid = () => queryPrepared(db, undefined, sql`SELECT pg_backend_pid()`)
  const before = await pid()
  const slow = queryPrepared(db, undefined, sql`SELECT pg_sleep(30)`)
  await expect(slow).rejects.toThrow(/timeout/)
  // On the old one it would wait behind the slow one, and not be answered in time either.
  expect(await pid()).not.toEqual(before)
  await pool.end()
})
