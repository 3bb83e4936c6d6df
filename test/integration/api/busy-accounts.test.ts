import { type Kysely, sql } from "kysely"
import { afterAll, beforeAll, expect, test } from "vitest"
import { readHistory } from "../../../api/queries/history.ts"
import { readUserAccounts } from "../../../api/queries/user-accounts.ts"
import type { Database } from "../../../ledger/store/database.ts"
import { createKysely, createPool } from "../../../platform/postgres.ts"
import { settleByHand } from "../../support/settle-by-hand.ts"
import { startTestApi, type TestApi } from "../../support/test-api.ts"

let api: TestApi
beforeAll(async () => {
  api = await startTestApi()
})
afterAll(() => api?.close())

const item = (user: string, amount: string, reason = "reward", symbol = "CPOP") => ({
  ...{ user_id: user, amount, reason_type: reason, token_symbol: symbol },
})
const adjust = async (...adjustments: readonly object[]) =>
  expect((await api.adjust({ adjustments })).status).toBe(200)
const repeat = (count: number, one: object) => Array.from({ length: count }, () => one)
const accountsOf = (user: string, db: Kysely<Database> = api.db) =>
  readUserAccounts(db, api.app.ledgerId, user)

/** Events of the account behind the head, as of holds that are placed and released all the time. */
async function placeAndRelease(accountId: bigint, count: number): Promise<void> {
  const owner = api.openAsOwner()
  await sql`
    WITH placed AS (
      INSERT INTO ledger.events (ledger_id, position, type, version, account_id, amount, balance_after, occurred_at, recorded_at, causation, data, prev_hash, hash)
      SELECT h.ledger_id, h.position + n, CASE WHEN n % 2 = 1 THEN 'HoldPlaced' ELSE 'HoldReleased' END, 1, ${accountId}, 0, 0, now(), now(), 'x',
        '{}', h.hash, h.hash FROM ledger.head h, generate_series(1, ${count}::integer) n WHERE h.ledger_id = ${api.app.ledgerId}
    ) UPDATE ledger.head SET position = position + ${count} WHERE ledger_id = ${api.app.ledgerId}`.execute(
    owner,
  )
  await sql`ANALYZE ledger.events`.execute(owner)
  await owner.destroy()
}

/** One connection, and how many entries of the events' indexes it has read. */
function openCounted() {
  const pool = createPool({ databaseUrl: api.database.appUrl, applicationName: "test", connectionsMax: 1 })
  const db = createKysely<Database>(pool)
  const read = async () => {
    await sql`SELECT pg_stat_force_next_flush()`.execute(db)
    const { rows } = await sql<{ entries: bigint }>`
      SELECT sum(idx_tup_read)::bigint AS entries FROM pg_stat_user_indexes WHERE schemaname = 'ledger' AND relname LIKE 'events%'`.execute(
      db,
    )
    return rows[0]?.entries ?? 0n
  }
  return {
    db,
    /** @returns what `work` gives, and how many entries it read */
    async count<Result>(work: () => Promise<Result>): Promise<readonly [Result, number]> {
      const before = await read()
      const result = await work()
      return [result, Number((await read()) - before)]
    },
  }
}

test("a filtered history shows every row, also while the account is written to", async () => {
  // The row that is wanted is the oldest of what one statement looks through.
  await adjust(item("writing", "+1"), item("writing", "+7", "refund"))
  await adjust(...repeat(4_999, item("writing", "+1")))
  const [account] = await accountsOf("writing")
  const accountIds = [account?.account_id ?? 0n]
  const pool = createPool({ databaseUrl: api.database.appUrl, applicationName: "hooked", connectionsMax: 2 })
  let writes = 0
  pool.on("connect", (client) => {
    const query = client.query.bind(client) as (...args: unknown[]) => Promise<unknown>
    // Somebody writes as soon as the first statement is answered that says how far a step goes.
    Object.assign(client, {
      query: async (...args: unknown[]) => {
        const result = await query(...args)
        const [asked] = args as [string | { text: string }]
        if (/AS floor/.test(typeof asked === "string" ? asked : asked.text) && writes === 0) {
          writes += 1
          await adjust(...repeat(2, item("writing", "+1")))
        }
        return result
      },
    })
  })
  const db = createKysely<Database>(pool)
  const { rows } = await readHistory(db, api.app.ledgerId, accountIds, { reasonType: "refund" }, null, 10)
  await db.destroy()
  expect(writes).toBe(1)
  expect(rows.map(({ amount }) => amount)).toEqual([7n * 10n ** 18n])
})

test("a history without a filter is read in bounded steps, past any number of events that are no changes", async () => {
  await adjust(item("shop", "+1"), item("shop", "+2"), item("shop", "+3", "reward", "POINT"))
  const accounts = await accountsOf("shop")
  const cpop = accounts.find(({ token_id: tokenId }) => tokenId === api.tokens.cpop.tokenId)
  await placeAndRelease(cpop?.account_id ?? 0n, 30_000)
  await adjust(item("shop", "+4", "reward", "POINT"), item("shop", "+5"))
  const { db, count } = openCounted()
  const found: bigint[] = []
  let statements = 0
  for (let before: bigint | null = null; ; statements += 1) {
    const ids = accounts.map(({ account_id: accountId }) => accountId)
    const [page, entries] = await count(() => readHistory(db, api.app.ledgerId, ids, {}, before, 2_000, 0))
    expect(entries).toBeLessThan(12_000)
    found.push(...page.rows.map(({ position }) => position))
    before = page.continueAt
    if (before === null) break
  }
  await db.destroy()
  expect(statements).toBeGreaterThan(5)
  const { rows } = await sql<{ position: bigint }>`
    SELECT position FROM ledger.events WHERE account_id = ANY(${accounts.map(({ account_id: id }) => String(id))}::bigint[])
      AND type = 'AdjustmentRecorded' ORDER BY position DESC`.execute(api.db)
  expect(found).toEqual(rows.map(({ position }) => position))
  // The answer of the route looks on for a moment, and says where it goes on.
  const all: string[] = []
  for (let cursor = ""; ; ) {
    const { history, pagination } = (await api.call("GET", `/api/v1/balance/shop/history?limit=2${cursor}`))
      .body.data
    all.push(...history.map(({ amount }: { amount: string }) => amount.replace(/\.0*$/, "")))
    if (!pagination.has_more) break
    cursor = `&cursor=${pagination.next_cursor}`
  }
  expect(all).toEqual(["+5", "+4", "+3", "+2", "+1"])
})

test("where settlement stands is known without a walk through the account's events", async () => {
  const settlement = await settleByHand(api.db, api.app.ledgerId, api.tokens.cpop.tokenId)
  const user = "holding"
  await adjust(item(user, "+5"), item(user, "-5", "consumption"))
  const statusOf = async () =>
    (await api.call("GET", `/api/v1/balance/${user}?token_symbol=CPOP`)).body.data.balances[0].sync_status
  expect(await statusOf()).toBe("pending")
  const [account] = await accountsOf(user)
  // Nobody has taken these in: that the two changes before them wait cannot be seen without reading all of it.
  await placeAndRelease(account?.account_id ?? 0n, 20_000)
  const { db, count } = openCounted()
  const look = async () => {
    const [[row], entries] = await count(() => accountsOf(user, db))
    expect(entries).toBeLessThan(3_000)
    return row?.is_waiting
  }
  expect(await look()).toBeNull()
  expect(await statusOf()).toBeNull()
  await settlement.takeIn()
  expect(await look()).toBe(true)
  expect(await statusOf()).toBe("pending")
  await settlement.seal()
  expect(await look()).toBe(false)
  expect(await statusOf()).toBe("synced")
  await placeAndRelease(account?.account_id ?? 0n, 20_000)
  await sql`UPDATE ledger.balances SET pending = pending + 1 WHERE account_id = ${account?.account_id ?? 0n}`.execute(
    api.db,
  )
  expect(await look()).toBe(true)
  await db.destroy()
})
