import { sql } from "kysely"
import { afterAll, beforeAll, expect, it } from "vitest"
import { settleByHand } from "../../support/settle-by-hand.ts"
import { startTestApi, type TestApi } from "../../support/test-api.ts"
import { waitUntil } from "../../support/wait-until.ts"

let api: TestApi
let head: () => Promise<bigint> = () => Promise.resolve(100n)
beforeAll(async () => {
  api = await startTestApi({
    limits: { laneMaxAgeMs: 50 },
    rpc: {
      headBlock: () => head(),
      isDeployed: () => Promise.resolve(true),
      balanceOf: () => Promise.resolve({ amountBaseUnits: 0n, blockNumber: 100n }),
    },
  })
})
afterAll(() => api.close())

const idle = () => new Promise((resolve) => setTimeout(resolve, 400))
const balance = async () => (await api.call("GET", "/api/v1/balance/ann")).body

/** Each read comes after a pause: one that waits for no new measurement finds the last one too old every time. That nothing old is shown is a test of its own, below. */
const afterPause = (isKnown: (body: Awaited<ReturnType<typeof balance>>) => boolean) =>
  waitUntil(
    async () => {
      await idle()
      const body = await balance()
      return isKnown(body) && body
    },
    { what: "a read has the figures" },
  )

async function confirm(block: number): Promise<void> {
  await sql`
    INSERT INTO ledger.chain_cursors (chain_id, block_number, block_hash, block_time, updated_at)
    VALUES (31337, ${block}, ${`0x${"aa".repeat(32)}`}, now(), now())
    ON CONFLICT (chain_id) DO UPDATE SET block_number = excluded.block_number, block_time = now()`.execute(
    api.db,
  )
}

it("measures again before it answers a read that comes after a pause", async () => {
  const settlement = await settleByHand(api.db, api.app.ledgerId, api.tokens.cpop.tokenId)
  await confirm(98)
  await api.fund("ann", "1")
  await afterPause((body) => body.data.balances[0].head_lag === 2)
  await api.fund("bob", "1")
  await settlement.takeIn()
  await confirm(490)
  head = () => Promise.resolve(500n)
  const body = await afterPause(
    ({ data, batch_info }) => data.balances[0].head_lag === 10 && batch_info?.["pending_operations"] === 2,
  )
  expect(body.data.balances[0].sync_lag).toBeLessThan(30)
  expect(body.batch_info).toMatchObject({ current_batch_size: 2 })
})

it("says of what nobody takes in that it is not known, and counts it as pending", async () => {
  const user = `untaken-${Date.now()}`
  const before = (await api.call("GET", "/api/v1/system/health")).body.data.performance_metrics
  await api.fund(user, "1")
  const { performance_metrics } = (await api.call("GET", "/api/v1/system/health")).body.data
  expect(performance_metrics.pending_transactions).toBe(before.pending_transactions + 1)
  await expect
    .poll(
      async () => {
        const { body } = await api.call("GET", `/api/v1/balance/${user}?token_symbol=CPOP`)
        return [body.batch_info?.["pending_operations"], body.batch_info?.["optimal_batch_size"]]
      },
      { timeout: 15_000, interval: 500 },
    )
    .toEqual([null, 25])
})

it("does not make it another answer that everything has become older", async () => {
  for (const path of ["/api/v1/balance/ann?token_symbol=POINT", "/api/v1/system/health"]) {
    // A read that a busy machine keeps without figures is another answer.
    await waitUntil(
      async () => {
        head = () => Promise.resolve(500n)
        await idle()
        const first = await api.call("GET", path)
        if (path.includes("balance")) head = () => Promise.resolve(501n)
        await new Promise((resolve) => setTimeout(resolve, 1_100))
        const tag = { "if-none-match": first.headers.get("etag") ?? "" }
        return (await api.call("GET", path, undefined, tag)).status === 304
      },
      { what: `${path} is the same answer`, timeoutMs: 30_000 },
    )
  }
})

it("makes it another answer that the confirmed figure has become old", async () => {
  head = () => Promise.resolve(500n)
  await confirm(490)
  const path = "/api/v1/balance/ann"
  const tag = await waitUntil(
    async () => {
      await idle()
      const first = await api.call("GET", path)
      const known = { "if-none-match": first.headers.get("etag") ?? "" }
      return first.body.data.balances[0].head_lag === 10 && known
    },
    { what: "a read has the figures" },
  )
  expect((await api.call("GET", path, undefined, tag)).status).toBe(304)
  await sql`UPDATE ledger.chain_cursors SET block_time = now() - interval '10 minutes'`.execute(api.db)
  await waitUntil(
    async () => {
      await idle()
      const later = await api.call("GET", path, undefined, tag)
      return later.status === 200 && later.body.data.balances[0].sync_lag > 590
    },
    { what: "the age shows" },
  )
})

it("shows nothing rather than what was measured long ago", async () => {
  head = () => new Promise<bigint>(() => undefined)
  await idle()
  const from = performance.now()
  expect((await balance()).data.balances[0]).toMatchObject({ head_lag: null, sync_lag: null })
  expect(performance.now() - from).toBeLessThan(2_500)
  head = () => Promise.resolve(500n)
})

it("keeps no write waiting for a measurement", async () => {
  await idle()
  const reply = await api.adjust({
    adjustments: [{ user_id: "ann", token_symbol: "CPOP", amount: "+1", reason_type: "reward" }],
  })
  expect(reply.body.data.blockchain_sync).toMatchObject({
    current_batch_size: null,
    estimated_sync_time: null,
    next_trigger: null,
  })
})
