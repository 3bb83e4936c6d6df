import { setTimeout as sleep } from "node:timers/promises"
import { sql } from "kysely"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { createApiKey } from "../../api/identity/api-key.ts"
import { scopes } from "../../api/scopes.ts"
import { ensureApiKey, ensureApp } from "../../cli/registry/ensure-app.ts"
import { type ApiProcess, startApiProcess } from "../support/api-process.ts"
import { callApi } from "../support/call-api.ts"
import { createSettlementFixture, type SettlementFixture } from "../support/settlement-fixture.ts"
import type { ApiReply } from "../support/test-api.ts"
import { waitUntil } from "../support/wait-until.ts"

/** Before the API looks by itself, which it does every two seconds; and what docs/registry.md promises to whoever's connection is cut just then. */
const heardWithinMs = 1_900
const missedWithinMs = 4_000

let fixture: SettlementFixture
let apis: readonly ApiProcess[]
const key = createApiKey()
beforeAll(async () => {
  fixture = await createSettlementFixture()
  await ensureApiKey(fixture.db, await ensureApp(fixture.db, "shop"), key, scopes, true)
  apis = await Promise.all([0, 1].map(() => startApiProcess(fixture.database.appUrl)))
  const refund = { description: "Back", allowed_metadata: [], business_type: "refund" }
  await call(0, "POST", "/admin/reasons", {
    reason_type: "refund",
    reason: "the strategy names it",
    document: refund,
  })
  // Nothing but the announcement brings a look, or the connection that is made again.
  fixture.run({ limits: { fallbackPollMs: 600_000 } })
})
afterAll(async () => {
  for (const api of apis ?? []) api.kill("SIGTERM")
  await Promise.all((apis ?? []).map((api) => api.ended))
  await fixture.close()
})

const call = (index: number, method: string, path: string, body?: object): Promise<ApiReply> =>
  callApi(apis[index]?.url ?? "", key, method, `/api/v1${path}`, body)

async function change(path: string, changes: object): Promise<void> {
  const { version } = (await call(0, "GET", path)).body.data
  const body = { expected_version: version, reason: "a test", changes }
  const { status, body: answer } = await call(0, "PATCH", path, body)
  expect([status, answer.errors]).toEqual([200, undefined])
}

const adjust = (index: number, user: string, reason: string, amount = "+1") =>
  call(index, "POST", "/balance/adjust", {
    adjustments: [{ user_id: user, token_symbol: "CPOP", amount, reason_type: reason }],
  })

async function waiting(): Promise<number> {
  const rows = await fixture.db
    .selectFrom("settlement.batch_items")
    .where("state", "=", "waiting")
    .select("position")
    .execute()
  return rows.length
}

/** The moment from which each process does what it is now told, against the clock of the change. */
async function until(what: string, isSo: () => Promise<boolean>, timeoutMs: number): Promise<number> {
  const began = performance.now()
  await waitUntil(isSo, { what, timeoutMs })
  return Math.round(performance.now() - began)
}

async function listeners(): Promise<number> {
  const { rows } = await sql<{ n: bigint }>`
    SELECT count(*) AS n FROM pg_stat_activity
    WHERE datname = current_database() AND application_name IN ('chainbridge-api-listen', 'chainbridge-batcher-listen')`.execute(
    fixture.db,
  )
  return Number(rows[0]?.n)
}

async function cutListeners(): Promise<void> {
  await sql`
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name IN ('chainbridge-api-listen', 'chainbridge-batcher-listen')`.execute(
    fixture.db,
  )
}

/** Whoever listens hears nothing of it, nor does whoever's connection is made again before it is over. */
async function whileCut(work: () => Promise<void>): Promise<void> {
  await cutListeners()
  await waitUntil(async () => (await listeners()) === 0, { what: "nobody listens" })
  let isOver = false
  const cutting = (async () => {
    for (; !isOver; await sleep(25)) await cutListeners()
  })()
  await work().finally(() => {
    isOver = true
  })
  await cutting
}

const optimalSize = async (index: number): Promise<number> =>
  (await call(index, "GET", "/tokens")).body.data.tokens[0].optimal_batch_size

describe.each([
  ["heard of", heardWithinMs, (work: () => Promise<void>) => work()],
  ["missed, as the connections were cut just then", missedWithinMs, whileCut],
] as const)("a change of the registry that is %s", (name, withinMs, during) => {
  const round = name === "heard of" ? 1 : 2

  it("takes effect in every process: a reason, a token, a limit of waiting", async () => {
    await waitUntil(async () => (await listeners()) === 3, { what: "all three listen" })
    const reason = `prize_${round}`
    await call(0, "POST", "/admin/reasons", {
      reason_type: reason,
      reason: "a test",
      document: { description: "A prize", allowed_metadata: [], business_type: "reward" },
    })
    await waitUntil(async () => (await adjust(1, `ann-${round}`, reason)).status === 200, {
      what: "the other process takes the new reason",
    })
    await waitUntil(async () => (await waiting()) === 1, { what: "the change waits" })
    const batches = (await fixture.batches()).length

    await during(async () => {
      await change("/admin/strategies/31337:CPOP", {
        optimal_batch_size: 20 + round,
        max_wait_time_ms: round,
      })
      await change(`/admin/reasons/${reason}`, { is_retired: true })
      await change("/admin/tokens/31337:CPOP", { is_retired: true })
    })
    const [size, retired, sealed] = await Promise.all([
      until("the other API shows the size", async () => (await optimalSize(1)) === 20 + round, 10_000),
      until(
        "the other API refuses",
        async () => {
          // He has nothing: as long as it is not refused for the registry's sake, it is for that, and never recorded.
          const codes = (await adjust(1, `bob-${round}`, reason, "-1")).body.errors?.map(({ code }) => code)
          return codes?.join() === "REASON_RETIRED,TOKEN_RETIRED"
        },
        10_000,
      ),
      until("the batcher seals", async () => (await fixture.batches()).length > batches, 10_000),
    ])
    console.info(`${name}: sizes after ${size} ms, refusals after ${retired} ms, a batch after ${sealed} ms`)
    expect(Math.max(size, retired, sealed)).toBeLessThan(withinMs)
    await fixture.batchesIn("mined", batches + 1)
    await change("/admin/tokens/31337:CPOP", { is_retired: false })
    await change("/admin/strategies/31337:CPOP", { max_wait_time_ms: 900_000 })
    await waitUntil(async () => (await call(1, "GET", "/tokens")).body.data.tokens[0].is_retired === false, {
      what: "the token is back",
    })
  })
})
