import { sql } from "kysely"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type ApiReply, startTestApi, type TestApi } from "../../support/test-api.ts"

let api: TestApi
beforeAll(async () => {
  api = await startTestApi()
})
afterAll(() => api?.close())

let made = 0
function fresh(what: string): string {
  made += 1
  return `${what}_${made}`
}

const post = (path: string, body: unknown, headers?: Record<string, string>) =>
  api.call("POST", `/api/v1${path}`, body, headers)

const rewards = (more: object, recipients: object[], batch: object = {}) => ({
  reward_batch: { activity_id: "quest-7", reward_type: "quest", token_symbol: "CPOP", ...batch },
  recipients,
  ...more,
})

const deductions = (more: object, items: object[], consumption: object = {}) => ({
  consumption: { service_type: "gas_fee", service_id: "tx-7", token_symbol: "CPOP", ...consumption },
  deductions: items,
  ...more,
})

const assets = (more: object, items: object[]) => ({
  adjustments: items.map((item) => ({
    token_symbol: "CPOP",
    amount: "+1",
    reason_type: "reward",
    ...item,
  })),
  ...more,
})

async function historyOf(user: string) {
  const { body } = await api.call("GET", `/api/v1/balance/${user}/history`)
  return body.data.history
}

function faultsOf({ status, body }: ApiReply) {
  return { status, faults: (body.errors ?? []).map(({ field, code }) => `${field} ${code}`) }
}

describe("POST /rewards/distribute", () => {
  it("credits everybody for one activity, by the reason of that name", async () => {
    const [ann, bob] = [fresh("ann"), fresh("bob")]
    const operationId = fresh("op")
    const reply = await post(
      "/rewards/distribute",
      rewards(
        { operation_id: operationId, batch_id: "week-50" },
        [
          { user_id: ann, amount: "100.0", tier: "premium" },
          { user_id: bob, amount: "50" },
        ],
        { reward_type: "daily_checkin" },
      ),
    )
    expect(reply.status).toBe(200)
    expect(reply.body).toMatchObject({
      data: {
        operation_id: operationId,
        adjustments_count: 2,
        transactions: [
          { user_id: ann, amount: "+100.000000000000000000", status: "pending" },
          { user_id: bob, amount: "+50.000000000000000000" },
        ],
        balances: [{ balance_after: "100.000000000000000000" }, { balance_after: "50.000000000000000000" }],
        blockchain_sync: { will_be_batched: true },
      },
      batch_info: {
        will_be_batched: true,
        optimal_batch_size: 25,
        expected_efficiency: null,
        estimated_gas_savings: null,
        estimated_processing_time: null,
      },
    })
    expect(await historyOf(ann)).toMatchObject([
      {
        reason_type: "daily_checkin",
        business_type: "reward",
        reason_detail: null,
        metadata: { activity_id: "quest-7", reward_type: "daily_checkin", reward_tier: "premium" },
      },
    ])
    expect(await historyOf(bob)).toMatchObject([
      { metadata: { activity_id: "quest-7", reward_type: "daily_checkin" } },
    ])
    const transaction = await api.call("GET", `/api/v1/users/${ann}/transactions`)
    expect(transaction.body.data.transactions).toMatchObject([{ business_batch_id: "week-50" }])
  })

  it("falls back on the reason reward, and is never refused for metadata that it has written itself", async () => {
    const [ann, bob] = [fresh("ann"), fresh("bob")]
    const unknown = await post("/rewards/distribute", rewards({}, [{ user_id: ann, amount: "1" }]))
    expect(unknown.status).toBe(200)
    expect(await historyOf(ann)).toMatchObject([
      { reason_type: "reward", metadata: { activity_id: "quest-7", reward_type: "quest" } },
    ])
    // "mint" takes source and reference only.
    const other = rewards({}, [{ user_id: bob, amount: "1", tier: "gold" }], { reward_type: "mint" })
    expect((await post("/rewards/distribute", other)).status).toBe(200)
    expect(await historyOf(bob)).toMatchObject([
      {
        reason_type: "mint",
        business_type: "mint",
        metadata: { activity_id: "quest-7", reward_type: "mint", reward_tier: "gold" },
      },
    ])
  })

  it("refuses a sign, names the fields of its own body, and says what is wrong with the token once", async () => {
    const user = fresh("ann")
    const signed = rewards({}, [
      { user_id: user, amount: "+1" },
      { user_id: user, amount: "-1" },
      { user_id: user, amount: "0" },
    ])
    expect(faultsOf(await post("/rewards/distribute", signed))).toEqual({
      status: 422,
      faults: [0, 1, 2].map((index) => `recipients[${index}].amount INVALID_AMOUNT`),
    })
    const both = [
      { user_id: user, amount: "1" },
      { user_id: user, amount: "1" },
    ]
    expect(faultsOf(await post("/rewards/distribute", rewards({}, both, { token_symbol: "NONE" })))).toEqual({
      status: 422,
      faults: ["reward_batch.token_symbol UNKNOWN_TOKEN"],
    })
    expect(faultsOf(await post("/rewards/distribute", rewards({}, both, { token_symbol: "USDT" })))).toEqual({
      status: 422,
      faults: ["reward_batch.token_symbol AMBIGUOUS_TOKEN"],
    })
    const elsewhere = rewards({}, both, { token_symbol: "USDT", chain_id: 31_338 })
    expect((await post("/rewards/distribute", elsewhere)).status).toBe(200)
    expect(faultsOf(await post("/rewards/distribute", rewards({ extra: 1 }, both)))).toEqual({
      status: 422,
      faults: ["extra UNKNOWN_FIELD"],
    })
  })
})

describe("POST /consumption/deduct", () => {
  it("debits what a service costs, with what the caller says as the detail", async () => {
    const user = fresh("ann")
    await api.fund(user, "100")
    const reply = await post(
      "/consumption/deduct",
      deductions({}, [{ user_id: user, amount: "25.5", reason: "Gas of a transfer" }]),
    )
    expect(reply.status).toBe(200)
    expect(reply.body.data).toMatchObject({
      transactions: [{ amount: "-25.500000000000000000" }],
      balances: [{ balance_before: "100.000000000000000000", balance_after: "74.500000000000000000" }],
    })
    expect((await historyOf(user))[0]).toMatchObject({
      reason_type: "gas_fee",
      business_type: "gas_fee",
      reason_detail: "Gas of a transfer",
      metadata: { service_type: "gas_fee", service_id: "tx-7" },
    })
    const chess = deductions({}, [{ user_id: user, amount: "1" }], { service_type: "Chess, blitz" })
    expect((await post("/consumption/deduct", chess)).status).toBe(200)
    expect((await historyOf(user))[0]).toMatchObject({
      reason_type: "consumption",
      reason_detail: null,
      metadata: { service_type: "Chess, blitz", service_id: "tx-7" },
    })
  })

  it("takes ten thousand items at most, as every route that has a list", async () => {
    const many = <Item>(item: Item) => Array.from({ length: 10_001 }, () => item)
    const user = fresh("ann")
    for (const [path, body, field] of [
      ["/consumption/deduct", deductions({}, many({ user_id: user, amount: "1" })), "deductions"],
      ["/rewards/distribute", rewards({}, many({ user_id: user, amount: "1" })), "recipients"],
      ["/assets/adjust", assets({}, many({ user_id: user })), "adjustments"],
    ] as const) {
      expect(faultsOf(await post(path, body))).toEqual({ status: 422, faults: [`${field} INVALID_FIELD`] })
    }
  })

  it("takes all or nothing", async () => {
    const [ann, bob] = [fresh("ann"), fresh("bob")]
    await api.fund(ann, "5")
    await api.fund(bob, "1")
    const items = [
      { user_id: ann, amount: "5" },
      { user_id: bob, amount: "1.5" },
    ]
    const reply = await post("/consumption/deduct", deductions({}, items))
    expect(reply.body.errors).toEqual([
      {
        field: "deductions[1].amount",
        code: "INSUFFICIENT_BALANCE",
        message: expect.stringContaining("1.000000000000000000 CPOP"),
      },
    ])
    expect(await historyOf(ann)).toHaveLength(1)
    expect(
      faultsOf(await post("/consumption/deduct", deductions({}, [{ user_id: ann, amount: "-1" }]))),
    ).toEqual({ status: 422, faults: ["deductions[0].amount INVALID_AMOUNT"] })
  })
})

describe("POST /assets/adjust", () => {
  it("says of each adjustment what became of the balance, and keeps its business type", async () => {
    const user = fresh("ann")
    const body = assets({ operation_id: fresh("op") }, [
      { user_id: user, amount: "+100.0", business_type: "refund" },
      { user_id: user, amount: "-30", reason_type: "consumption" },
      { user_id: user, amount: "+2.5", token_symbol: "GOLD", chain_id: 31_338 },
    ])
    const reply = await post("/assets/adjust", body)
    expect(reply.status).toBe(200)
    expect(reply.body).toMatchObject({
      data: {
        status: "recorded",
        processed_count: 3,
        adjustments_count: 3,
        transactions: [
          { amount: "+100.000000000000000000", balance_after: "100.000000000000000000" },
          { amount: "-30.000000000000000000", balance_after: "70.000000000000000000" },
          { balance_after: "2.500000000000000000", sync_estimate: "PT15M" },
        ],
        balances: [
          { token_symbol: "CPOP", balance_after: "70.000000000000000000" },
          { token_symbol: "GOLD", balance_after: "2.500000000000000000" },
        ],
      },
      batch_info: { will_be_batched: true, batch_id: null },
    })
    expect((await historyOf(user)).map((row: { business_type: string }) => row.business_type)).toEqual([
      "reward",
      "consumption",
      "refund",
    ])
    const again = await post("/assets/adjust", body)
    expect(again.headers.get("idempotent-replayed")).toBe("true")
    expect(again.body.data).toEqual(reply.body.data)
    expect(again.body.batch_info).toEqual(reply.body.batch_info)
  })

  it("lets the request shorten the wait, go at once and say how urgent it is", async () => {
    const user = fresh("ann")
    const hurried = await post(
      "/assets/adjust",
      assets({ batch_preference: { max_wait_time: "90s", priority: "low" } }, [{ user_id: user }]),
    )
    expect(hurried.body.data.blockchain_sync).toMatchObject({ estimated_sync_time: "PT1M30S" })
    const patient = await post(
      "/assets/adjust",
      assets({ batch_preference: { max_wait_time: "2d" } }, [{ user_id: user }]),
    )
    expect(patient.body.data.blockchain_sync).toMatchObject({ estimated_sync_time: "PT15M" })
    const immediate = await post(
      "/assets/adjust",
      assets({ batch_preference: { force_immediate: true, priority: "high" } }, [{ user_id: user }]),
    )
    expect(immediate.body).toMatchObject({
      data: { blockchain_sync: { will_be_batched: false, next_trigger: "priority" } },
      batch_info: { will_be_batched: false },
    })
    const { rows } = await sql`
      SELECT data->>'max_wait_ms' AS wait, data->>'is_immediate' AS at_once, data->>'priority' AS priority
      FROM ledger.event_log e JOIN ledger.accounts a USING (ledger_id, account_id)
      WHERE a.user_id = ${user} AND e.type = 'AdjustmentRecorded' ORDER BY position`.execute(api.db)
    expect(rows).toEqual([
      // The reason's own priority is the higher one.
      { wait: "90000", at_once: "false", priority: "normal" },
      { wait: String(2 * 86_400_000), at_once: "false", priority: "normal" },
      { wait: null, at_once: "true", priority: "high" },
    ])
  })

  it.each([
    [{ max_wait_time: "soon" }, "batch_preference.max_wait_time INVALID_FIELD"],
    [{ max_wait_time: "31d" }, "batch_preference.max_wait_time INVALID_FIELD"],
    [{ priority: "asap" }, "batch_preference.priority INVALID_FIELD"],
    [{ force_immediate: "yes" }, "batch_preference.force_immediate INVALID_FIELD"],
    [{ gas: 1 }, "batch_preference.gas UNKNOWN_FIELD"],
  ])("refuses the preference %j", async (preference, fault) => {
    const body = assets({ batch_preference: preference }, [{ user_id: fresh("ann") }])
    expect(faultsOf(await post("/assets/adjust", body))).toEqual({ status: 422, faults: [fault] })
  })

  it("refuses a business type that nobody knows, a missing sign and metadata that the reason does not take", async () => {
    const user = fresh("ann")
    const reply = await post("/assets/adjust", assets({}, [{ user_id: user, business_type: "gift" }]))
    expect(faultsOf(reply)).toEqual({ status: 422, faults: ["adjustments[0].business_type INVALID_FIELD"] })
    const other = assets({}, [
      { user_id: user, amount: "1" },
      { user_id: user, metadata: { nickname: "x" } },
    ])
    expect(faultsOf(await post("/assets/adjust", other)).faults).toEqual([
      "adjustments[0].amount INVALID_AMOUNT",
      "adjustments[1].metadata.nickname METADATA_NOT_ALLOWED",
    ])
  })
})

describe("an operation's key", () => {
  const bodies = (user: string) => ({
    "/balance/adjust": assets({}, [{ user_id: user }]),
    "/assets/adjust": assets({}, [{ user_id: user }]),
    "/rewards/distribute": rewards({}, [{ user_id: user, amount: "1" }]),
    "/consumption/deduct": deductions({}, [{ user_id: user, amount: "1" }]),
    "/balance/holds": { user_id: user, token_symbol: "CPOP", amount: "1", reason_type: "consumption" },
  })

  it("is one over all routes: the same one replays on its own route, and is a conflict on every other", async () => {
    const user = fresh("ann")
    await api.fund(user, "100")
    const routes = Object.entries(bodies(user))
    for (const [path, body] of routes) {
      const key = fresh("key")
      const first = await post(path, { ...body, operation_id: key })
      expect(first.status, path).toBe(200)
      for (const [other, otherBody] of routes) {
        const reply = await post(other, otherBody, { "idempotency-key": key })
        if (other === path) {
          expect(reply.headers.get("idempotent-replayed"), path).toBe("true")
          expect(reply.body.data, path).toEqual(first.body.data)
        } else {
          expect(faultsOf(reply), `${path} → ${other}`).toEqual({
            status: 409,
            faults: ["operation_id IDEMPOTENCY_CONFLICT"],
          })
        }
      }
    }
    expect(await historyOf(user)).toHaveLength(1 + routes.length - 1)
  })

  it("stays what it was when the registry has changed since: a reason of that name now", async () => {
    const user = fresh("ann")
    const body = rewards({ operation_id: fresh("op") }, [{ user_id: user, amount: "1" }], {
      reward_type: "quest_of_the_day",
    })
    const first = await post("/rewards/distribute", body)
    await api.db
      .insertInto("registry.reasons")
      .values({
        reason_type: "quest_of_the_day",
        description: "A quest",
        allowed_metadata: [],
        business_type: "reward",
        priority: "normal",
        auto_batch: true,
      })
      .execute()
    await expect
      .poll(async () => JSON.stringify((await api.call("GET", "/api/v1/reasons")).body.data), {
        timeout: 5_000,
      })
      .toContain("quest_of_the_day")
    const again = await post("/rewards/distribute", body)
    expect(again.body.data).toEqual(first.body.data)
    expect(await historyOf(user)).toHaveLength(1)
    await post("/rewards/distribute", { ...body, operation_id: fresh("op") })
    expect((await historyOf(user)).map((row: { reason_type: string }) => row.reason_type)).toEqual([
      "quest_of_the_day",
      "reward",
    ])
  })

  it("is made where there is none, and refused where header and body name two", async () => {
    const user = fresh("ann")
    const made = await post("/rewards/distribute", rewards({}, [{ user_id: user, amount: "1" }]))
    expect(made.body.data.operation_id).toMatch(/^op_/)
    const two = rewards({ operation_id: "one" }, [{ user_id: user, amount: "1" }])
    expect(faultsOf(await post("/rewards/distribute", two, { "idempotency-key": "two" }))).toEqual({
      status: 400,
      faults: ["operation_id IDEMPOTENCY_KEY_MISMATCH"],
    })
  })
})
