import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { lockEntry } from "../../../ledger/registry/editable-kinds.ts"
import { errorsOf, newReason, type RegistryApi, startRegistryApi } from "../../support/registry-api.ts"
import { startTestApi } from "../../support/test-api.ts"

let registry: RegistryApi
beforeAll(async () => {
  registry = await startRegistryApi()
})
afterAll(() => registry.close())

const call: RegistryApi["call"] = (...request) => registry.call(...request)
const read = (path: string) => registry.read(path)
const change = (path: string, changes: object) => registry.change(path, changes)
const expectAgreement = () => registry.expectAgreement()

describe("something new", () => {
  it("is registered as version 1: a reason, that may be named at once", async () => {
    const body = { reason_type: "tournament_prize", reason: "tournaments begin", document: newReason }
    expect((await call("POST", "reasons?dry_run=true", body)).body.data).toMatchObject({ is_dry_run: true })
    const adjustment = { user_id: "ann", token_symbol: "CPOP", amount: "+1", reason_type: "tournament_prize" }
    expect((await registry.api.adjust({ adjustments: [adjustment] })).body.errors?.[0]?.code).toBe(
      "UNKNOWN_REASON",
    )
    expect((await call("POST", "reasons", body)).body.data.entry).toMatchObject({
      id: "tournament_prize",
      version: 1,
      document: { priority: "normal", is_retired: false },
    })
    expect((await registry.api.adjust({ adjustments: [adjustment] })).status).toBe(200)
    expect(errorsOf(await call("POST", "reasons", body))).toMatchObject([409, [{ code: "ENTRY_EXISTS" }]])
    await expectAgreement()
  })

  it("is registered once by several who do it at the same moment", async () => {
    for (let round = 0; round < 5; round += 1) {
      const replies = await Promise.all(
        [0, 1, 2].map((by) => {
          const document = { ...newReason, description: `by ${by}` }
          return call("POST", "reasons", { reason_type: `race_${round}`, reason: "a race", document })
        }),
      )
      expect(replies.map(({ status }) => status).sort()).toEqual([200, 409, 409])
      const winner = replies.find(({ status }) => status === 200)
      expect(await read(`reasons/race_${round}`)).toMatchObject({
        version: 1,
        document: winner?.body.data.entry.document,
      })
    }
    await expectAgreement()
  })

  it("waits for who writes the same row, as a token or as its strategy, and for nobody who waits for it", async () => {
    const { db } = registry.api
    const locked = Promise.withResolvers<void>()
    const both = db.transaction().execute(async (trx) => {
      await lockEntry(trx, "token", "31337:CPOP")
      locked.resolve()
      await new Promise((resolve) => setTimeout(resolve, 300))
      await lockEntry(trx, "strategy", "31337:CPOP")
    })
    await locked.promise
    await db.transaction().execute((trx) => lockEntry(trx, "strategy", "31337:CPOP"))
    await both
  })

  /** The strategy is that of the chain's CPOP, unless said. */
  const token = () => ({
    chain_id: 31_337,
    token_address: registry.chains.token.address,
    symbol: "GEM",
    decimals: 18,
    reason: "gems",
    document: { name: "Gem", features: ["settle"] },
  })

  it("is registered after it was held against its chain: a token, with the strategy of another", async () => {
    const registered = await call("POST", "tokens", { ...token(), strategy_of: "31337:USDT" })
    expect(registered.body.data).toMatchObject({
      entry: { id: "31337:GEM", document: { settlement_mode: "settle", decimals: 18 } },
      warnings: ["the signer's roles are not checked: no batcher has worked on chain 31337 yet"],
    })
    expect((await read("strategies/31337:GEM")).document).toEqual(
      (await read("strategies/31337:USDT")).document,
    )
    await registry.api.fund("bob", "1")
    const change = { user_id: "bob", token_symbol: "GEM", amount: "+2", reason_type: "reward" }
    expect((await registry.api.adjust({ adjustments: [change] })).status).toBe(200)
    await expectAgreement()
  })

  it.each<[string, object, object]>([
    ["a name that is taken", {}, { code: "ENTRY_EXISTS" }],
    [
      "an address that is taken",
      { symbol: "GEM2" },
      { field: "document.token_address", message: expect.stringContaining("31337:GEM has it") },
    ],
    [
      "other decimals than the contract's",
      { symbol: "GEM2", decimals: 6 },
      { code: "TOKEN_UNFIT", message: "GEM2 on chain 31337 has 18 decimals, and not 6; correct them" },
    ],
    ["more than 18 decimals", { symbol: "GEM2", decimals: 24 }, { field: "decimals" }],
    [
      "no contract",
      { symbol: "GEM2", token_address: `0x${"99".repeat(20)}` },
      { code: "TOKEN_UNFIT", message: expect.stringContaining("there is no contract at 0x9999") },
    ],
    [
      "the chain's own coin",
      { symbol: "GEM2", token_address: `0x${"00".repeat(20)}` },
      { code: "TOKEN_UNFIT", field: "token_address" },
    ],
    [
      "an unknown chain",
      { symbol: "GEM2", chain_id: 4 },
      { code: "UNKNOWN_ENTRY", field: "chain_id", message: "there is no chain 4; register it first" },
    ],
    [
      "a chain that is reached nowhere",
      { symbol: "GEM2", chain_id: 31_338, strategy_of: "31337:USDT" },
      { code: "CHAIN_UNAVAILABLE" },
    ],
    [
      "a treasury that there is not",
      { symbol: "GEM2", document: { name: "Gem", features: ["transfer"] } },
      { code: "TOKEN_UNFIT", field: "treasury" },
    ],
    ["a strategy of nobody", { symbol: "GEM2", strategy_of: "31337:NONE" }, { field: "strategy_of" }],
    [
      "a strategy that makes no sense",
      { symbol: "GEM2", strategy: { strategy: "fast" } },
      { field: "strategy.strategy", message: 'use one of "adaptive", "cost"' },
    ],
  ])("is not registered: a token with %s", async (_, more, expected) => {
    const refused = await call("POST", "tokens", { ...token(), ...more })
    expect(refused.status).toBeGreaterThanOrEqual(400)
    expect(refused.status).toBeLessThan(504)
    expect(refused.body.errors).toContainEqual(expect.objectContaining(expected))
  })

  const chain = () => ({
    chain_id: 7,
    wallet_manager: registry.chains.walletManager,
    reason: "the seventh",
    document: { name: "seventh", confirmation_blocks: 1, finality: "depth", block_time_ms: 1_000 },
  })

  it("is registered after its endpoints were asked: a chain, with its first block and its factory's own word", async () => {
    const registered = await call("POST", "chains", chain())
    expect(registered.body.data.entry).toMatchObject({
      id: "7",
      document: {
        genesis_hash: expect.stringMatching(/^0x[0-9a-f]{64}$/),
        wallet_init_code_hash: expect.stringMatching(/^0x[0-9a-f]{64}$/),
      },
    })
    await expectAgreement()
  })

  it.each<[string, object, object]>([
    [
      "no endpoint here",
      { chain_id: 9 },
      { code: "CHAIN_UNFIT", field: "chain_id", message: expect.stringContaining("CHAINBRIDGE_RPC_URLS_9") },
    ],
    [
      "an endpoint that does not answer, which is not shown",
      { chain_id: 8 },
      {
        code: "CHAIN_UNAVAILABLE",
        message: expect.not.stringContaining("secret"),
      },
    ],
    [
      "no factory of wallets",
      { chain_id: 7, wallet_manager: `0x${"99".repeat(20)}` },
      { code: "CHAIN_UNFIT", field: "wallet_manager" },
    ],
    ["a number that is taken", { chain_id: 7 }, { code: "ENTRY_EXISTS" }],
    [
      "a name that no file could have",
      { document: { ...newReason, name: "No!" } },
      { field: "document.name" },
    ],
  ])("is not registered: a chain with %s", async (_, more, expected) => {
    const refused = await call("POST", "chains", { ...chain(), ...more })
    expect(refused.status).toBeGreaterThanOrEqual(400)
    expect(refused.body.errors).toContainEqual(expect.objectContaining(expected))
  })

  it("is not registered: a chain whose endpoint leads to another one", async () => {
    const other = await startTestApi({
      environment: { CHAINBRIDGE_RPC_URLS_10: registry.chains.anvils[1]?.rpcUrl ?? "" },
    })
    const refused = await other.call("POST", "/api/v1/admin/chains", { ...chain(), chain_id: 10 })
    await other.close()
    expect(errorsOf(refused)).toMatchObject([
      422,
      [{ code: "CHAIN_UNFIT", message: expect.stringContaining("is an endpoint of chain 7; correct one") }],
    ])
  })
})

describe("what is retired", () => {
  const adjust = (token: string, reason: string) =>
    registry.api.adjust({
      adjustments: [{ user_id: "carl", token_symbol: token, amount: "+1", reason_type: reason }],
    })

  it("takes nothing new, a token or a reason, and is shown as such; what was recorded is answered as ever", async () => {
    const operation = {
      operation_id: "before-retirement",
      adjustments: [{ user_id: "carl", token_symbol: "CPOP", amount: "+1", reason_type: "settlement" }],
    }
    const first = await registry.api.adjust(operation)
    await change("reasons/settlement", { is_retired: true })
    expect(errorsOf(await adjust("CPOP", "settlement"))).toMatchObject([
      422,
      [{ field: "adjustments[0].reason_type", code: "REASON_RETIRED" }],
    ])
    expect((await registry.api.adjust(operation)).body.data).toEqual(first.body.data)
    await change("tokens/31337:GOLD", { is_retired: true })
    expect(errorsOf(await adjust("GOLD", "reward"))).toMatchObject([
      422,
      [{ field: "adjustments[0].token_symbol", code: "TOKEN_RETIRED" }],
    ])
    const hold = { user_id: "carl", token_symbol: "GOLD", amount: "1", reason_type: "consumption" }
    expect((await registry.api.call("POST", "/api/v1/balance/holds", hold)).body.errors?.[0]?.code).toBe(
      "TOKEN_RETIRED",
    )
    const tokens = (await registry.api.call("GET", "/api/v1/tokens")).body.data.tokens
    expect(tokens).toContainEqual(
      expect.objectContaining({ symbol: "GOLD", chain_id: 31_337, is_retired: true }),
    )
    for (const path of ["reasons/settlement", "tokens/31337:GOLD"]) {
      const { version } = await read(path)
      const back = { version: version - 1, expected_version: version, reason: "x" }
      expect((await call("POST", `${path}/rollback`, back)).status).toBe(200)
      expect((await read(path)).document).toMatchObject({ is_retired: true })
      await change(path, { is_retired: false })
    }
    expect((await adjust("GOLD", "settlement")).status).toBe(200)
  })

  it("takes its tokens along, a chain", async () => {
    await change("chains/31338", { is_retired: true })
    const body = {
      adjustments: [
        { user_id: "carl", token_symbol: "USDT", chain_id: 31_338, amount: "+1", reason_type: "reward" },
      ],
    }
    expect((await registry.api.adjust(body)).body.errors?.[0]?.code).toBe("TOKEN_RETIRED")
    await change("chains/31338", { is_retired: false })
    expect((await registry.api.adjust(body)).status).toBe(200)
  })

  it("is passed over where a route chooses the reason itself", async () => {
    await change("reasons/daily_checkin", { is_retired: true })
    const { body } = await registry.api.call("POST", "/api/v1/rewards/distribute", {
      reward_batch: { activity_id: "day-1", reward_type: "daily_checkin", token_symbol: "CPOP" },
      recipients: [{ user_id: "carl", amount: "1" }],
    })
    expect(body.errors).toBeUndefined()
  })
})

describe("the limit of a key", () => {
  it("is set, takes effect at once, and is taken back; each with its version", async () => {
    const made = await call("POST", "keys", { scopes: ["ledger:read"] })
    const { key_id: keyId, api_key: key } = made.body.data
    const path = `keys/${keyId}/rate-limit`
    expect(await read(path)).toMatchObject({ rate_limit: null, version: 0 })
    const limit = { requests_per_second: 1, burst: 1 }
    expect((await call("PUT", path, { reason: "it loops", rate_limit: limit })).body.data).toMatchObject({
      rate_limit: limit,
      version: 1,
    })
    const ask = () =>
      registry.api.call("GET", "/api/v1/tokens", undefined, { authorization: `Bearer ${key}` })
    const statuses = (await Promise.all([ask(), ask()])).map(({ status }) => status)
    expect(statuses.sort()).toEqual([200, 429])
    expect((await call("PUT", path, { reason: "mended", rate_limit: null })).body.data).toMatchObject({
      rate_limit: null,
      version: 2,
    })
    expect((await ask()).status).toBe(200)
    expect(
      errorsOf(await call("PUT", path, { reason: "x", rate_limit: { requests_per_second: 0, burst: 1 } })),
    ).toMatchObject([422, [{ field: "rate_limit.requests_per_second" }]])
    const nobodys = "keys/0193c5e0-0000-7000-8000-000000000000/rate-limit"
    expect((await call("GET", nobodys)).status).toBe(404)
    expect((await call("PUT", nobodys, { reason: "x", rate_limit: null })).status).toBe(404)
    await expectAgreement()
  })
})
