import { sql } from "kysely"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { takeIn } from "../../../batcher/store/intake.ts"
import { startTestApi, type TestApi } from "../../support/test-api.ts"

let api: TestApi
beforeAll(async () => {
  api = await startTestApi()
})
afterAll(() => api.close())

const reward = (user: string, amount: string, more: object = {}) => ({
  user_id: user,
  token_symbol: "CPOP",
  amount,
  reason_type: "reward",
  ...more,
})

let made = 0
const freshUser = (): string => {
  made += 1
  return `user_${made}`
}

describe("POST /balance/adjust", () => {
  it("records an adjustment and says what became of the balance", async () => {
    const user = freshUser()
    const reply = await api.adjust(
      {
        operation_id: "first",
        batch_id: "campaign-7",
        adjustments: [
          reward(user, "+1000.0", {
            reason_detail: "Daily",
            metadata: { activity_id: "a", reward_tier: "x" },
          }),
          reward(user, "-0.5"),
        ],
      },
      { "x-request-id": "my-request.1" },
    )
    expect(reply.body).toEqual({
      code: 200,
      message: "success",
      request_id: "my-request.1",
      data: {
        operation_id: "first",
        sequence: 0,
        status: "recorded",
        adjustments_count: 2,
        position: expect.stringMatching(/^\d+$/),
        transactions: [
          {
            tx_id: expect.stringMatching(/^tx_[\w-]{32}$/),
            user_id: user,
            amount: "+1000.000000000000000000",
            status: "pending",
          },
          {
            tx_id: expect.stringMatching(/^tx_[\w-]{32}$/),
            user_id: user,
            amount: "-0.500000000000000000",
            status: "pending",
          },
        ],
        balances: [
          {
            user_id: user,
            token_symbol: "CPOP",
            balance_before: "0.000000000000000000",
            balance_after: "999.500000000000000000",
            pending_sync: "+999.500000000000000000",
          },
        ],
        blockchain_sync: {
          status: "pending",
          will_be_batched: true,
          current_batch_size: 0,
          optimal_batch_size: 25,
          estimated_sync_time: "PT15M",
          next_trigger: "max_wait_time",
        },
      },
      batch_info: expect.objectContaining({
        will_be_batched: true,
        batch_id: null,
        estimated_gas_savings: null,
      }),
    })
    expect(reply.status).toBe(200)
    expect(reply.headers.get("x-request-id")).toBe("my-request.1")
    expect(reply.headers.get("idempotent-replayed")).toBeNull()
  })

  it("makes an operation id of its own where the caller names none", async () => {
    const reply = await api.adjust({ adjustments: [reward(freshUser(), "+1")] })
    expect(reply.body.data.operation_id).toMatch(
      /^op_[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    )
  })

  it("sends reasons that do not wait to the chain at once", async () => {
    const user = freshUser()
    const reply = await api.adjust({ adjustments: [reward(user, "+1", { reason_type: "urgent_transfer" })] })
    expect(reply.body.data.blockchain_sync).toMatchObject({
      will_be_batched: false,
      next_trigger: "priority",
      estimated_sync_time: "PT0S",
    })
  })

  it("refuses the whole operation for one debit that is not covered, and says what is available", async () => {
    const user = freshUser()
    await api.fund(user, "5")
    const reply = await api.adjust({
      operation_id: "too-much",
      adjustments: [reward(user, "+1"), reward(user, "-6.1")],
    })
    expect(reply.status).toBe(422)
    expect(reply.body.errors).toEqual([
      {
        field: "adjustments[1].amount",
        code: "INSUFFICIENT_BALANCE",
        message: expect.stringContaining("6.000000000000000000 CPOP"),
      },
    ])
    expect((await api.call("GET", "/api/v1/operations/too-much")).status).toBe(404)
    const allowed = await api.adjust({ operation_id: "too-much", adjustments: [reward(user, "-5")] })
    expect(allowed.status).toBe(200)
  })

  it("refuses to leave the range of the ledger", async () => {
    const user = freshUser()
    const half = "30000000000000000000000000000000000000000000000000000000000"
    expect((await api.adjust({ adjustments: [reward(user, `+${half}`)] })).status).toBe(200)
    const reply = await api.adjust({ adjustments: [reward(user, `+${half}`)] })
    expect(reply.status).toBe(422)
    expect(reply.body.errors).toEqual([expect.objectContaining({ code: "BALANCE_OUT_OF_RANGE" })])
  })

  it("takes ten thousand adjustments and no more", async () => {
    const user = freshUser()
    const many = Array.from({ length: 10_000 }, (_, index) => reward(`${user}_${index % 500}`, "+0.000001"))
    const reply = await api.adjust({ operation_id: "bulk", adjustments: many })
    expect(reply.body).toMatchObject({ code: 200, data: { adjustments_count: 10_000 } })
    expect(reply.body.data.balances).toHaveLength(500)
    const tooMany = await api.adjust({ adjustments: [...many, reward(user, "+1")] })
    expect(tooMany.status).toBe(422)
    expect(tooMany.body.errors).toEqual([
      expect.objectContaining({ field: "adjustments", code: "INVALID_FIELD" }),
    ])
  })
})

describe("idempotency", () => {
  it("records one operation for ten parallel identical requests and gives ten equal answers", async () => {
    const user = freshUser()
    const body = { operation_id: "ten", adjustments: [reward(user, "+7")] }
    const replies = await Promise.all(Array.from({ length: 10 }, () => api.adjust(body)))
    expect(new Set(replies.map((reply) => reply.status))).toEqual(new Set([200]))
    expect(new Set(replies.map((reply) => JSON.stringify(reply.body.data))).size).toBe(1)
    expect(new Set(replies.map((reply) => JSON.stringify(reply.body.batch_info))).size).toBe(1)
    expect(replies.filter((reply) => reply.headers.get("idempotent-replayed") === "true")).toHaveLength(9)
    expect(new Set(replies.map((reply) => reply.body.request_id)).size).toBe(10)
    const { rows } = await sql`
      SELECT 1 FROM ledger.events WHERE operation_id = 'ten' AND ledger_id = ${api.app.ledgerId}`.execute(
      api.db,
    )
    expect(rows).toHaveLength(1)
  })

  it("accepts exactly 100 of 1,000 parallel spends of a balance that covers 100", async () => {
    const user = freshUser()
    await api.fund(user, "100")
    const replies = await Promise.all(
      Array.from({ length: 1_000 }, (_, index) =>
        api.adjust({
          operation_id: `spend-${index}`,
          adjustments: [reward(user, "-1", { reason_type: "consumption" })],
        }),
      ),
    )
    const accepted = replies.filter((reply) => reply.status === 200)
    expect(accepted).toHaveLength(100)
    const refused = replies.filter((reply) => reply.status === 422)
    expect(refused).toHaveLength(900)
    expect(new Set(refused.flatMap((reply) => reply.body.errors?.map((error) => error.code)))).toEqual(
      new Set(["INSUFFICIENT_BALANCE"]),
    )
    const { body } = await api.call("GET", `/api/v1/balance/${user}?token_symbol=CPOP`)
    expect(body.data.balances[0].available_balance).toBe("0.000000000000000000")
  })

  it("gives the same answer again after the money is spent and the lane's figures have changed", async () => {
    const user = freshUser()
    await api.fund(user, "10")
    const spend = {
      operation_id: "spend-all",
      adjustments: [reward(user, "-10", { reason_type: "consumption" })],
    }
    const first = await api.adjust(spend)
    expect(first.status).toBe(200)
    await sql`
      INSERT INTO settlement.lanes (ledger_id, token_id, paused_at, paused_reason)
      VALUES (${api.app.ledgerId}, ${api.tokens.cpop.tokenId}, now(), 'for the test')`.execute(api.db)
    await new Promise((resolve) => setTimeout(resolve, 1_200))
    // Where nobody takes changes in for some seconds, what waits is unknown.
    const other = async () => {
      while (await takeIn(api.db, api.app.ledgerId, 10_000));
      return (await api.adjust({ adjustments: [reward(freshUser(), "+1")] })).body.data
    }
    await expect
      .poll(async () => (await other()).blockchain_sync)
      .toMatchObject({ current_batch_size: expect.any(Number), estimated_sync_time: null })
    const again = await api.adjust(spend)
    expect(again.headers.get("idempotent-replayed")).toBe("true")
    expect(again.body.data).toEqual(first.body.data)
    expect(again.body.batch_info).toEqual(first.body.batch_info)
    await sql`DELETE FROM settlement.batch_items WHERE ledger_id = ${api.app.ledgerId}`.execute(api.db)
    await sql`DELETE FROM settlement.lanes WHERE ledger_id = ${api.app.ledgerId}`.execute(api.db)
  })

  it("gives the same answer again after the reason is gone from the registry", async () => {
    const user = freshUser()
    await sql`
      INSERT INTO registry.reasons (reason_type, description, allowed_metadata, auto_batch, priority, business_type)
      VALUES ('seasonal', 'A season', ARRAY['season'], true, 'normal', 'reward')`.execute(api.db)
    await sql`NOTIFY registry_changed`.execute(api.db)
    const body = {
      operation_id: "season-1",
      adjustments: [reward(user, "+3", { reason_type: "seasonal", metadata: { season: "winter" } })],
    }
    await expect.poll(async () => (await api.adjust(body)).status).toBe(200)
    const first = await api.adjust(body)
    await sql`UPDATE registry.reasons SET is_retired = true WHERE reason_type = 'seasonal'`.execute(api.db)
    await sql`NOTIFY registry_changed`.execute(api.db)
    const unknown = { adjustments: body.adjustments }
    await expect.poll(async () => (await api.adjust(unknown)).body.errors?.[0]?.code).toBe("REASON_RETIRED")

    const again = await api.adjust(body)
    expect(again.status).toBe(200)
    expect(again.headers.get("idempotent-replayed")).toBe("true")
    expect(again.body.data).toEqual(first.body.data)
    const conflict = await api.adjust({ ...body, batch_id: "another" })
    expect(conflict.status).toBe(409)
    expect(conflict.body.errors).toEqual([expect.objectContaining({ code: "IDEMPOTENCY_CONFLICT" })])
  })

  it("refuses another body under a recorded key, whatever the order of its fields", async () => {
    const user = freshUser()
    const item = reward(user, "+1", { metadata: { activity_id: "a", reward_tier: "b" } })
    await api.adjust({ operation_id: "once", adjustments: [item] })
    const reordered = await api.adjust({
      adjustments: [{ ...item, metadata: { reward_tier: "b", activity_id: "a" } }],
      priority: "normal",
      operation_id: "once",
    })
    expect(reordered.status).toBe(200)
    expect(reordered.headers.get("idempotent-replayed")).toBe("true")
    const changed = await api.adjust({ operation_id: "once", adjustments: [{ ...item, amount: "+2" }] })
    expect(changed.status).toBe(409)
    const next = await api.adjust({
      operation_id: "once",
      sequence: 1,
      adjustments: [{ ...item, amount: "+2" }],
    })
    expect(next.status).toBe(200)
  })

  it("takes the key from a header, which means sequence 0", async () => {
    const adjustments = [reward(freshUser(), "+1")]
    const header = { "idempotency-key": "by-header" }
    const first = await api.adjust({ adjustments }, header)
    expect(first.body.data).toMatchObject({ operation_id: "by-header", sequence: 0 })
    const again = await api.adjust({ operation_id: "by-header", sequence: 0, adjustments })
    expect(again.headers.get("idempotent-replayed")).toBe("true")
    expect((await api.adjust({ operation_id: "by-header", adjustments }, header)).status).toBe(200)

    const otherId = await api.adjust({ operation_id: "another", adjustments }, header)
    expect(otherId.status).toBe(400)
    expect(otherId.body.errors?.[0]).toMatchObject({
      code: "IDEMPOTENCY_KEY_MISMATCH",
      field: "operation_id",
    })
    const otherSequence = await api.adjust({ operation_id: "by-header", sequence: 2, adjustments }, header)
    expect(otherSequence.body.errors?.[0]).toMatchObject({
      code: "IDEMPOTENCY_KEY_MISMATCH",
      field: "sequence",
    })
  })

  it("keeps the same key of two apps apart", async () => {
    const { seedApp } = await import("../../support/seed-registry.ts")
    const other = await seedApp(api.db)
    const body = { operation_id: "shared-key", adjustments: [reward("somebody", "+1")] }
    await api.adjust(body)
    const reply = await api.adjust({ ...body, priority: "low" }, { authorization: `Bearer ${other.apiKey}` })
    expect(reply.status).toBe(200)
    expect(reply.headers.get("idempotent-replayed")).toBeNull()
  })
})
