import { afterAll, beforeAll, expect, it } from "vitest"
import { readHistory } from "../../../api/queries/history.ts"
import { startTestApi, type TestApi } from "../../support/test-api.ts"
import { waitUntil } from "../../support/wait-until.ts"

let api: TestApi
const user = "often"
const changes = 12_000
let middle: { readonly tx_id: string; readonly timestamp: string }

const get = async (path: string) => (await api.call("GET", `/api/v1${path}`)).body.data
const adjustments = (count: number, amount: string, reason: string, symbol = "CPOP") =>
  Array.from({ length: count }, () => ({ user_id: user, token_symbol: symbol, amount, reason_type: reason }))

/** Follows the cursors: a search that took its time is gone on with, as callers do. */
async function getAll(path: string, list: "history" | "transactions") {
  const found: Record<string, unknown>[] = []
  for (let cursor = ""; ; ) {
    const page = await get(`${path}${cursor}`)
    found.push(...page[list])
    if (!page.pagination.has_more) return found
    cursor = `&cursor=${page.pagination.next_cursor}`
  }
}

/** A long history with one refund of gold in its middle, and other tokens at both ends. */
beforeAll(async () => {
  api = await startTestApi()
  const adjust = async (list: readonly object[]) => {
    const { status, body } = await api.call("POST", "/api/v1/balance/adjust", { adjustments: list })
    expect(status).toBe(200)
    return body.data
  }
  await adjust(adjustments(2, "+7", "reward", "USDT").map((one) => ({ ...one, chain_id: 31_338 })))
  for (let sent = 0; sent < changes / 2; sent += 6_000) await adjust(adjustments(6_000, "+1", "reward"))
  const { transactions } = await adjust(adjustments(1, "+5", "refund"))
  await adjust(adjustments(1, "+9", "reward", "POINT"))
  const row = await get(`/transaction/${transactions[0].tx_id}`)
  middle = { tx_id: row.tx_id, timestamp: row.timestamp }
  // Recorded at a later millisecond.
  await new Promise((resolve) => setTimeout(resolve, 5))
  for (let sent = 0; sent < changes / 2; sent += 6_000) await adjust(adjustments(6_000, "+1", "reward"))
}, 120_000)
afterAll(() => api?.close())

it("finds the one row of a long history that has the reason, the business and the status", async () => {
  expect(await getAll(`/balance/${user}/history?reason_type=refund&status=pending`, "history")).toMatchObject(
    [{ tx_id: middle.tx_id, reason_type: "refund", amount: "+5.000000000000000000" }],
  )
  expect(
    await getAll(`/users/${user}/transactions?business_type=refund&chain_id=31337`, "transactions"),
  ).toMatchObject([{ tx_id: middle.tx_id, status: "pending" }])
  expect(await getAll(`/balance/${user}/history?status=failed`, "history")).toEqual([])
})

it("cuts a history by times, to the millisecond", async () => {
  const at = middle.timestamp
  const next = new Date(Date.parse(at) + 1).toISOString()
  const countOf = async (filter: string) =>
    (await getAll(`/balance/${user}/history?limit=500&token_symbol=CPOP&chain_id=31337&${filter}`, "history"))
      .length
  expect(await countOf(`to_date=${at}`)).toBe(changes / 2)
  expect(await countOf(`from_date=${next}`)).toBe(changes / 2)
  expect(await countOf(`from_date=${at}&to_date=${next}`)).toBe(1)
  expect(await countOf("from_date=2001-01-01T00:00:00Z&to_date=2100-01-01T00:00:00Z")).toBe(changes + 1)
  expect(await countOf("from_date=2100-01-01T00:00:00Z")).toBe(0)
  expect(await countOf("to_date=2001-01-01T00:00:00Z")).toBe(0)
})

it("goes on where a search was ended for its time", async () => {
  const accounts = await api.db
    .selectFrom("ledger.accounts")
    .select("account_id")
    .where("user_id", "=", user)
    .execute()
  const ids = accounts.map(({ account_id }) => account_id)
  const seen: bigint[] = []
  let answers = 0
  for (let before: bigint | null = null; ; answers += 1) {
    const found = await readHistory(api.db, api.app.ledgerId, ids, { reasonType: "refund" }, before, 20, 0)
    seen.push(...found.rows.map(({ position }) => position))
    if (found.continueAt === null) break
    before = found.continueAt
  }
  expect(seen).toHaveLength(1)
  expect(answers).toBeGreaterThanOrEqual(2)
})

it("tells every balance of a user", async () => {
  const { assets } = await get(`/users/${user}/assets`)
  expect(
    assets.map((asset: { token_symbol: string; chain_id: number; pending_balance: string }) => [
      asset.token_symbol,
      asset.chain_id,
      asset.pending_balance,
    ]),
  ).toEqual([
    ["CPOP", 31_337, "12005.000000000000000000"],
    ["POINT", 31_337, "9"],
    ["USDT", 31_338, "14.000000"],
  ])
  const [only] = (await get(`/users/${user}/assets?chain_id=31338&include_pending=false`)).assets
  expect(only).toMatchObject({ confirmed_balance: "0.000000", chain_name: "elsewhere", balance_usd: null })
  expect(only).not.toHaveProperty("pending_balance")
  const { data, batch_info } = await waitUntil(
    async () => {
      const { body } = await api.call("GET", `/api/v1/users/${user}/assets?token_symbol=POINT`)
      return body.data.assets[0].next_sync_estimate !== null && body
    },
    { what: "the lane's figures are known" },
  )
  expect(data.assets).toHaveLength(1)
  expect(data.last_updated).toMatch(/Z$/)
  // Nobody has taken the change in yet: it waits as long as the strategy lets it.
  expect(Date.parse(data.assets[0].next_sync_estimate) - Date.parse(data.last_updated)).toBe(900_000)
  expect(data.assets[0]).toMatchObject({ sync_lag: null, head_lag: null })
  // Without a batcher nobody knows what waits, once that is noticed.
  expect(batch_info).toMatchObject({ optimal_batch_size: 25 })
  expect([0, null]).toContain(batch_info?.["pending_operations"])
})

it("knows no other app's users", async () => {
  for (const path of ["assets", "transactions"])
    expect((await api.call("GET", `/api/v1/users/nobody/${path}`)).status).toBe(404)
})
