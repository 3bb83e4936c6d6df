import { sql } from "kysely"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { verifyLedger } from "../../../ledger/audit/verify-ledger.ts"
import { seedApp } from "../../support/seed-registry.ts"
import { type ApiReply, startTestApi, type TestApi } from "../../support/test-api.ts"

let api: TestApi
beforeAll(async () => {
  api = await startTestApi()
})
afterAll(() => api.close())

let made = 0
async function fundedUser(amount = "100"): Promise<string> {
  made += 1
  const user = `holder_${made}`
  await api.fund(user, amount)
  return user
}

const post = (path: string, body?: object, headers?: Record<string, string>): Promise<ApiReply> =>
  api.call("POST", `/api/v1${path}`, body, headers)
const get = async (path: string) => (await api.call("GET", `/api/v1${path}`)).body.data

const holdOf = (user: string, amount: string, more: object = {}) =>
  post("/balance/holds", {
    user_id: user,
    token_symbol: "CPOP",
    amount,
    reason_type: "consumption",
    ...more,
  })
async function placed(user: string, amount: string, more: object = {}): Promise<string> {
  const reply = await holdOf(user, amount, more)
  expect(reply.status).toBe(200)
  return reply.body.data.hold_id
}
const capture = (id: string, body?: object) => post(`/balance/holds/${id}/capture`, body)
const release = (id: string, body?: object) => post(`/balance/holds/${id}/release`, body)
const spend = (user: string, amount: string) =>
  api.adjust({
    adjustments: [{ user_id: user, token_symbol: "CPOP", amount, reason_type: "consumption" }],
  })
const balanceOf = async (user: string) => {
  const [balance] = (await get(`/balance/${user}?token_symbol=CPOP`)).balances
  return [balance.pending_balance, balance.locked_balance, balance.available_balance].map(Number)
}
const code = (reply: ApiReply) => [reply.status, reply.body.errors?.[0]?.code]

describe("a hold", () => {
  it("keeps money back until it is captured", async () => {
    const user = await fundedUser()
    const reply = await holdOf(user, "30", {
      operation_id: `order-${user}`,
      reason_detail: "Order 7",
      metadata: { service_id: "s" },
    })
    expect(reply.body.data).toEqual({
      operation_id: `order-${user}`,
      sequence: 0,
      hold_id: expect.stringMatching(/^hold_[\w-]{32}$/),
      position: expect.stringMatching(/^\d+$/),
      user_id: user,
      token_symbol: "CPOP",
      chain_id: 31_337,
      status: "open",
      amount: "30.000000000000000000",
      expires_at: expect.any(String),
      balance: "100.000000000000000000",
      locked_balance: "30.000000000000000000",
      available_balance: "70.000000000000000000",
    })
    const days = (new Date(reply.body.data.expires_at).getTime() - Date.now()) / 86_400_000
    expect(days).toBeCloseTo(7, 2)
    const id = reply.body.data.hold_id
    expect(await balanceOf(user)).toEqual([100, 30, 70])
    expect(code(await spend(user, "-70.5"))).toEqual([422, "INSUFFICIENT_BALANCE"])
    expect((await spend(user, "-20")).status).toBe(200)
    expect(await get(`/balance/holds/${id}`)).toMatchObject({
      status: "open",
      reason_detail: "Order 7",
      ended_at: null,
      tx_id: null,
    })
    const captured = await capture(id, { amount: "10" })
    expect(captured.body.data).toMatchObject({
      status: "captured",
      hold_id: id,
      tx_id: expect.stringMatching(/^tx_/),
      amount: "30.000000000000000000",
      captured_amount: "10.000000000000000000",
      released_amount: "20.000000000000000000",
      balance: "70.000000000000000000",
      locked_balance: "0.000000000000000000",
      available_balance: "70.000000000000000000",
      blockchain_sync: { status: "pending", will_be_batched: true },
    })
    expect(captured.body.batch_info).toMatchObject({ will_be_batched: true })
    expect(await balanceOf(user)).toEqual([70, 0, 70])
    const { tx_id } = captured.body.data
    expect(await get(`/balance/holds/${id}`)).toMatchObject({
      status: "captured",
      captured_amount: "10.000000000000000000",
      tx_id,
    })
    const [newest, , funded] = (await get(`/balance/${user}/history`)).history
    expect(newest).toMatchObject({
      tx_id,
      amount: "-10.000000000000000000",
      reason_type: "consumption",
      reason_detail: "Order 7",
      metadata: { service_id: "s" },
      sync_status: "pending",
      hold_id: id,
    })
    // A hold changes no balance: it is not part of the history.
    expect(funded.reason_type).toBe("reward")
    expect(await get(`/transaction/${tx_id}`)).toMatchObject({ hold_id: id, user_id: user })
    expect(await verifyLedger(api.db, api.app.ledgerId)).toMatchObject({ ok: true })
  })

  it("gives everything back when it is released", async () => {
    const user = await fundedUser("10")
    const id = await placed(user, "10")
    expect(code(await holdOf(user, "0.1"))).toEqual([422, "INSUFFICIENT_BALANCE"])
    expect((await release(id)).body.data).toMatchObject({
      status: "released",
      released_amount: "10.000000000000000000",
      available_balance: "10.000000000000000000",
    })
    expect(await balanceOf(user)).toEqual([10, 0, 10])
  })

  it("ends once, and says how and when it did", async () => {
    const user = await fundedUser()
    const id = await placed(user, "5")
    await release(id)
    for (const again of [await capture(id), await release(id)]) {
      expect(code(again)).toEqual([409, "HOLD_ENDED"])
      expect(again.body.errors?.[0]?.message).toMatch(/^the hold was released at \d{4}-\d\d-\d\dT/)
    }
    const [one, other] = await Promise.all([placed(user, "5"), placed(user, "6")])
    const ends = await Promise.all([capture(one), release(one), capture(one), capture(other), release(other)])
    expect(ends.map(({ status }) => status).sort()).toEqual([200, 200, 409, 409, 409])
    expect(await verifyLedger(api.db, api.app.ledgerId)).toMatchObject({ ok: true })
  })

  it("cannot be captured beyond what it keeps", async () => {
    const id = await placed(await fundedUser(), "5")
    const reply = await capture(id, { amount: "5.000000000000000001" })
    expect(code(reply)).toEqual([422, "CAPTURE_TOO_LARGE"])
    expect(reply.body.errors?.[0]).toMatchObject({
      field: "amount",
      message: "the hold keeps 5.000000000000000000 CPOP",
    })
  })

  it("cannot be captured once its time is over, though nobody has recorded that", async () => {
    const user = await fundedUser()
    const id = await placed(user, "5", { expires_in: 1 })
    await new Promise((resolve) => setTimeout(resolve, 1_100))
    const reply = await capture(id)
    expect(code(reply)).toEqual([409, "HOLD_ENDED"])
    expect(reply.body.errors?.[0]?.message).toMatch(/^the hold was over at /)
    expect(await get(`/balance/holds/${id}`)).toMatchObject({ status: "expired", ended_at: null })
    expect(await balanceOf(user)).toEqual([100, 5, 95])
  })

  it.each([
    [{ expires_in: 31 * 86_400 }, "expires_in"],
    [{ expires_at: new Date(Date.now() + 31 * 86_400_000).toISOString() }, "expires_at"],
    [{ expires_at: "2024-01-01T00:00:00Z" }, "expires_at"],
    [{ expires_in: 60, expires_at: new Date(Date.now() + 60_000).toISOString() }, "expires_at"],
    [{ expires_in: 0 }, "expires_in"],
    [{ expires_in: 1.5 }, "expires_in"],
  ])("does not last for %j", async (more, field) => {
    const reply = await holdOf(await fundedUser(), "5", more)
    expect([reply.status, reply.body.errors?.[0]?.field]).toEqual([422, field])
  })

  it("takes the longest time and its default from the configuration", async () => {
    await sql`INSERT INTO registry.hold_policy (default_expiry_ms, max_expiry_ms) VALUES (60000, 120000)`.execute(
      api.db,
    )
    await sql`SELECT pg_notify('registry_changed', '')`.execute(api.db)
    const user = await fundedUser()
    await expect
      .poll(async () => (await holdOf(user, "1", { expires_in: 121 })).status, { timeout: 5_000 })
      .toBe(422)
    const { expires_at } = (await holdOf(user, "1")).body.data
    expect(new Date(expires_at).getTime() - Date.now()).toBeLessThanOrEqual(60_000)
    expect((await holdOf(user, "1", { expires_in: 120 })).status).toBe(200)
    await sql`UPDATE registry.hold_policy SET max_expiry_ms = 2592000000`.execute(api.db)
    await sql`SELECT pg_notify('registry_changed', '')`.execute(api.db)
    await expect
      .poll(async () => (await holdOf(user, "1", { expires_in: 121 })).status, { timeout: 5_000 })
      .toBe(200)
  })

  it.each([
    [{ amount: "+5" }, "INVALID_AMOUNT", "amount"],
    [{ amount: "-5" }, "INVALID_AMOUNT", "amount"],
    [{ amount: "0" }, "INVALID_AMOUNT", "amount"],
    [{ reason_type: "whim" }, "UNKNOWN_REASON", "reason_type"],
    [{ metadata: { colour: "red" } }, "METADATA_NOT_ALLOWED", "metadata.colour"],
    [{ token_symbol: "NOPE" }, "UNKNOWN_TOKEN", "token_symbol"],
    [{ token_symbol: "USDT" }, "AMBIGUOUS_TOKEN", "token_symbol"],
    [{ colour: "red" }, "UNKNOWN_FIELD", "colour"],
  ])("is refused with %j", async (more, expected, field) => {
    const reply = await holdOf(await fundedUser(), "5", more)
    expect([...code(reply), reply.body.errors?.[0]?.field]).toEqual([422, expected, field])
  })

  it("is not known under another id, nor to another app", async () => {
    const id = await placed(await fundedUser(), "5")
    const { apiKey } = await seedApp(api.db)
    const tx = id.replace("hold_", "tx_")
    for (const wrong of ["nonsense", tx, `${id}A`, id.slice(0, -1)]) {
      expect(code(await capture(wrong))).toEqual([404, "UNKNOWN_HOLD"])
      expect((await api.call("GET", `/api/v1/balance/holds/${wrong}`)).status).toBe(404)
    }
    const theirs = { authorization: `Bearer ${apiKey}` }
    expect(code(await post(`/balance/holds/${id}/release`, {}, theirs))).toEqual([404, "UNKNOWN_HOLD"])
    expect(code(await post(`/adjustments/${tx}/reverse`))).toEqual([404, "UNKNOWN_TRANSACTION"])
    expect((await api.call("GET", `/api/v1/transaction/${tx}`)).status).toBe(404)
  })

  it("is listed while it is open, page by page, also of a user of that name", async () => {
    await api.fund("holds", "100")
    const ids: string[] = []
    for (const amount of ["1", "2", "3"]) ids.unshift(await placed("holds", amount))
    const ended = await placed("holds", "4")
    await release(ended)
    const first = await get("/balance/holds/holds?limit=2")
    expect(first.holds.map(({ hold_id }: { hold_id: string }) => hold_id)).toEqual(ids.slice(0, 2))
    const rest = await get(`/balance/holds/holds?limit=2&cursor=${first.pagination.next_cursor}`)
    expect(rest.holds.map(({ hold_id }: { hold_id: string }) => hold_id)).toEqual(ids.slice(2))
    expect(rest.pagination.has_more).toBe(false)
    expect((await get("/balance/holds/history")).history).toHaveLength(1)
    expect((await get("/balance/holds")).user_id).toBe("holds")
  })
})

describe("a retry", () => {
  it("of placing, capturing and releasing gives the first answer again, whatever happened since", async () => {
    const user = await fundedUser()
    const place = { operation_id: `p-${user}`, expires_in: 600 }
    const first = await holdOf(user, "30", place)
    const id = first.body.data.hold_id
    const takes = await capture(id, { operation_id: `c-${user}`, amount: "7" })
    const other = await placed(user, "3")
    const gives = await release(other, { operation_id: `r-${user}` })
    await spend(user, "-60")
    for (const [again, answer] of [
      [await holdOf(user, "30", place), first],
      [await capture(id, { operation_id: `c-${user}`, amount: "7" }), takes],
      [await release(other, { operation_id: `r-${user}` }), gives],
    ] as const) {
      expect(again.body.data).toEqual(answer.body.data)
      expect(again.headers.get("idempotent-replayed")).toBe("true")
      expect(answer.headers.get("idempotent-replayed")).toBeNull()
    }
    expect(code(await capture(id, { operation_id: `c-${user}`, amount: "8" }))).toEqual([
      409,
      "IDEMPOTENCY_CONFLICT",
    ])
    // One key, whatever the route.
    expect(code(await release(other, { operation_id: `c-${user}` }))).toEqual([409, "IDEMPOTENCY_CONFLICT"])
    expect(code(await holdOf(user, "30", { operation_id: `c-${user}` }))).toEqual([
      409,
      "IDEMPOTENCY_CONFLICT",
    ])
  })

  it("works with the header, and after a refusal the key is free", async () => {
    const user = await fundedUser("5")
    const key = { "idempotency-key": `h-${user}` }
    const body = { user_id: user, token_symbol: "CPOP", amount: "6", reason_type: "consumption" }
    expect(code(await post("/balance/holds", body, key))).toEqual([422, "INSUFFICIENT_BALANCE"])
    await api.fund(user, "1")
    const first = await post("/balance/holds", body, key)
    expect((await post("/balance/holds", body, key)).body.data).toEqual(first.body.data)
  })
})

describe("a reversal", () => {
  const reverse = (tx: string, body?: object) => post(`/adjustments/${tx}/reverse`, body)
  const adjusted = async (user: string, amount: string): Promise<string> =>
    (await spend(user, amount)).body.data.transactions[0].tx_id

  it("takes an adjustment back and refers to it, from both sides", async () => {
    const user = await fundedUser()
    const tx = await adjusted(user, "-40")
    const reply = await reverse(tx, { operation_id: `undo-${user}`, reason_detail: "Cancelled" })
    expect(reply.body.data).toMatchObject({
      adjustments_count: 1,
      reverses: tx,
      transactions: [{ amount: "+40.000000000000000000", user_id: user }],
      balances: [{ balance_before: "60.000000000000000000", balance_after: "100.000000000000000000" }],
    })
    const undo = reply.body.data.transactions[0].tx_id
    expect(await get(`/transaction/${tx}`)).toMatchObject({ status: "reversed", reversed_by: undo })
    expect(await get(`/transaction/${undo}`)).toMatchObject({
      status: "pending",
      reverses: tx,
      reason_type: "consumption",
      reason_detail: "Cancelled",
    })
    const reversed = await get(`/balance/${user}/history?status=reversed`)
    expect(reversed.history).toMatchObject([{ tx_id: tx, sync_status: "reversed", reversed_by: undo }])
    const again = await reverse(tx, { operation_id: `undo-${user}`, reason_detail: "Cancelled" })
    expect(again.body.data).toEqual(reply.body.data)
    expect(again.headers.get("idempotent-replayed")).toBe("true")
    const second = await reverse(tx)
    expect(code(second)).toEqual([409, "ALREADY_REVERSED"])
    expect(second.body.errors?.[0]?.message).toContain(undo)
    expect(code(await reverse(undo))).toEqual([422, "NOT_REVERSIBLE"])
    expect(await verifyLedger(api.db, api.app.ledgerId)).toMatchObject({ ok: true })
  })

  it("happens once, however many ask at the same time", async () => {
    const user = await fundedUser()
    const tx = await adjusted(user, "-40")
    const replies = await Promise.all(Array.from({ length: 8 }, () => reverse(tx)))
    expect(replies.map(({ status }) => status).sort()).toEqual([200, 409, 409, 409, 409, 409, 409, 409])
    expect(await balanceOf(user)).toEqual([100, 0, 100])
  })

  it("of a credit is refused once it is spent or held", async () => {
    const user = await fundedUser("10")
    const tx = (
      await api.adjust({
        adjustments: [{ user_id: user, token_symbol: "CPOP", amount: "+5", reason_type: "reward" }],
      })
    ).body.data.transactions[0].tx_id
    await spend(user, "-6")
    const id = await placed(user, "5")
    const reply = await reverse(tx)
    expect(code(reply)).toEqual([422, "INSUFFICIENT_BALANCE"])
    expect(reply.body.errors?.[0]?.message).toContain("4.000000000000000000 CPOP is available")
    await release(id)
    expect((await reverse(tx)).status).toBe(200)
  })

  it("takes a capture back as well", async () => {
    const user = await fundedUser()
    const id = await placed(user, "30")
    const { tx_id } = (await capture(id, { amount: "20" })).body.data
    expect((await reverse(tx_id)).status).toBe(200)
    expect(await balanceOf(user)).toEqual([100, 0, 100])
    expect(await get(`/transaction/${tx_id}`)).toMatchObject({ status: "reversed" })
  })

  it("is refused for what is none of the app's transactions, and for metadata that the reason does not take", async () => {
    const tx = await adjusted(await fundedUser(), "-1")
    expect(code(await reverse("tx_nonsense"))).toEqual([404, "UNKNOWN_TRANSACTION"])
    expect(code(await reverse(tx, { metadata: { colour: "red" } }))).toEqual([422, "METADATA_NOT_ALLOWED"])
  })
})
