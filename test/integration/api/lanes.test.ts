import type { KyselyPlugin } from "kysely"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { watchLanes } from "../../../batcher/store/watch-lanes.ts"
import { laneChangedChannel } from "../../../ledger/store/channels.ts"
import { type PauseKind, pauseLanes } from "../../../ledger/store/pause-lanes.ts"
import { listen } from "../../../platform/listen.ts"
import { createLogger } from "../../../platform/logger.ts"
import { seedApp, seedKey } from "../../support/seed-registry.ts"
import { startTestApi, type TestApi } from "../../support/test-api.ts"
import { waitUntil } from "../../support/wait-until.ts"

let api: TestApi
beforeAll(async () => {
  api = await startTestApi()
})
afterAll(() => api.close())
beforeEach(async () => {
  await api.db.deleteFrom("settlement.lanes").execute()
  await api.db.updateTable("registry.alarms").set({ cleared_at: new Date() }).execute()
})

const pause = (body: unknown, headers?: Record<string, string>) =>
  api.call("POST", "/api/v1/batches/pause", body, headers)
const resume = (body?: unknown, headers?: Record<string, string>) =>
  api.call("POST", "/api/v1/batches/resume", body, headers)
const pauseNow = (why: { readonly reason: string; readonly by: PauseKind }) =>
  api.db
    .transaction()
    .execute((trx) =>
      pauseLanes(trx, [{ ledgerId: api.app.ledgerId, tokenId: api.tokens.cpop.tokenId }], why),
    )
const health = async () => (await api.call("GET", "/api/v1/system/health")).body.data

describe("settlement is paused", () => {
  it("for one token, with the reason, wherever one looks, until it is resumed", async () => {
    const reply = await pause({ token_symbol: "CPOP", reason: " an upgrade of the token " })
    expect(reply.status).toBe(200)
    const lane = {
      token_symbol: "CPOP",
      chain_id: 31_337,
      paused_at: expect.any(String),
      paused_by: "operator",
      reason: "an upgrade of the token",
    }
    expect(reply.body.data.lanes).toEqual([{ ...lane, was_paused: false }])
    const seen = await health()
    expect(seen.lanes).toEqual([{ ...lane, is_paused: true }])
    expect(seen.alarms).toEqual([
      expect.objectContaining({ kind: "lane_paused", message: "an upgrade of the token" }),
    ])
    const resumed = await resume({ token_symbol: "CPOP" })
    expect(resumed.body.data.lanes).toEqual([{ ...lane, paused_at: reply.body.data.lanes[0].paused_at }])
    const after = await health()
    expect(after.lanes).toEqual([
      {
        token_symbol: "CPOP",
        chain_id: 31_337,
        is_paused: false,
        paused_at: null,
        paused_by: null,
        reason: null,
      },
    ])
    expect(after.alarms).toEqual([])
    expect((await resume()).body.data.lanes).toEqual([])
  })

  it("and nobody is told when its next batch would be", async () => {
    await api.fund("dora", "1")
    const estimate = async () =>
      (await api.call("GET", "/api/v1/balance/dora?token_symbol=CPOP")).body.data.balances[0]
        .next_sync_estimate
    await expect.poll(estimate, { timeout: 5_000 }).toMatch(/Z$/)
    await pause({ token_symbol: "CPOP", reason: "an upgrade" })
    await expect.poll(estimate, { timeout: 5_000 }).toBeNull()
    await resume()
    await expect.poll(estimate, { timeout: 5_000 }).toMatch(/Z$/)
  })

  it("for every token of a chain, or for all", async () => {
    const names = (lanes: readonly { token_symbol: string; chain_id: number }[]) =>
      lanes.map((lane) => `${lane.token_symbol} ${lane.chain_id}`).sort()
    expect(names((await pause({ chain_id: 31_338, reason: "the chain forks" })).body.data.lanes)).toEqual([
      "GOLD 31338",
      "USDT 31338",
    ])
    expect((await pause({ reason: "a holiday" })).body.data.lanes).toHaveLength(6)
    const resumed = (await resume({ chain_id: 31_338 })).body.data.lanes
    expect(names(resumed)).toEqual(["GOLD 31338", "USDT 31338"])
    expect(resumed[0].reason).toBe("the chain forks")
    expect((await resume()).body.data.lanes).toHaveLength(4)
  })

  it("twice: the first reason and moment stay", async () => {
    const first = (await pause({ token_symbol: "CPOP", reason: "first" })).body.data.lanes[0]
    const second = (await pause({ token_symbol: "CPOP", reason: "second" })).body.data.lanes[0]
    expect(second).toEqual({ ...first, was_paused: true })
  })

  it("over one that would end by itself: from then on it waits for somebody, and says both reasons", async () => {
    await pauseNow({ reason: "no coins", by: "balance" })
    const [paused] = (await pause({ token_symbol: "CPOP", reason: "an audit" })).body.data.lanes
    expect(paused).toMatchObject({ was_paused: true, paused_by: "operator", reason: "no coins; an audit" })
  })

  it("and resumed, whatever paused it, which wakes whoever settles", async () => {
    await pauseNow({ reason: "a batch failed 5 times", by: "errors" })
    const heard: (string | null)[] = []
    const listening = Promise.withResolvers<void>()
    const listener = listen({
      databaseUrl: api.database.appUrl,
      applicationName: "test",
      channels: [laneChangedChannel],
      logger: createLogger("test", "silent"),
      onNotification: (notification) => {
        if (notification === null) listening.resolve()
        else heard.push(notification.payload ?? null)
      },
    })
    try {
      await listening.promise
      expect((await resume()).body.data.lanes).toMatchObject([
        { token_symbol: "CPOP", paused_by: "errors", reason: "a batch failed 5 times" },
      ])
      await waitUntil(async () => heard.includes(api.app.ledgerId), { what: "the batcher hears of it" })
    } finally {
      await listener.stop()
    }
  })

  it("while the batcher looks after its lanes: the alarm stays for as long as the pause", async () => {
    await pauseNow({ reason: "an older one", by: "errors" })
    await resume()
    const chainId = BigInt(api.tokens.cpop.chainId)
    const isFound = Promise.withResolvers<void>()
    const mayGoOn = Promise.withResolvers<void>()
    const slow: KyselyPlugin = {
      transformQuery: ({ node }) => node,
      transformResult: async ({ result }) => {
        isFound.resolve()
        await mayGoOn.promise
        return result
      },
    }
    const watched = watchLanes(api.db.withPlugin(slow), [chainId])
    await isFound.promise
    await pauseNow({ reason: "a batch that nobody here sealed", by: "foreign" })
    mayGoOn.resolve()
    await watched
    expect((await health()).alarms).toContainEqual(expect.objectContaining({ kind: "lane_paused" }))
  })

  it("for one's own ledger only, by a key that may", async () => {
    const other = await seedApp(api.db)
    await pause({ reason: "ours" })
    const authorization = `Bearer ${other.apiKey}`
    expect((await resume(undefined, { authorization })).body.data.lanes).toEqual([])
    expect((await health()).lanes.every((lane: { is_paused: boolean }) => lane.is_paused)).toBe(true)
    const weak = `Bearer ${await seedKey(api.db, api.app, ["ledger:write", "ledger:read"])}`
    for (const call of [pause({ reason: "x" }, { authorization: weak }), resume({}, { authorization: weak })])
      expect((await call).status).toBe(403)
    const stranger = await fetch(`${api.server.url}/api/v1/system/health`)
    expect(((await stranger.json()) as { data: { lanes: unknown } }).data.lanes).toBeNull()
  })

  it("not without a reason, nor for a token or a chain that is not there", async () => {
    const refused = async (reply: ReturnType<typeof pause>) => {
      const { status, body } = await reply
      return [status, body.errors?.[0]?.code, body.errors?.[0]?.field]
    }
    expect(await refused(pause({ token_symbol: "CPOP" }))).toEqual([422, "INVALID_FIELD", "reason"])
    expect(await refused(pause({ reason: "   " }))).toEqual([422, "INVALID_FIELD", "reason"])
    expect(await refused(pause({ reason: "x".repeat(501) }))).toEqual([422, "INVALID_FIELD", "reason"])
    expect(await refused(pause({ reason: "a\u0007b" }))).toEqual([422, "INVALID_FIELD", "reason"])
    expect(await refused(pause({ reason: "x", why: 1 }))).toEqual([422, "UNKNOWN_FIELD", "why"])
    for (const call of [pause, resume]) {
      const more = call === pause ? { reason: "x" } : {}
      expect(await refused(call({ token_symbol: "NOPE", ...more }))).toEqual([
        422,
        "UNKNOWN_TOKEN",
        "token_symbol",
      ])
      expect(await refused(call({ chain_id: 999, ...more }))).toEqual([422, "UNKNOWN_TOKEN", "chain_id"])
    }
    expect((await health()).lanes).toEqual([])
  })
})
