import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest"
import { giveUp } from "../../support/give-up.ts"
import { seedApp, seedKey } from "../../support/seed-registry.ts"
import { type HandSettlement, settleByHand } from "../../support/settle-by-hand.ts"
import { startTestApi, type TestApi } from "../../support/test-api.ts"

let api: TestApi
let settlement: HandSettlement
beforeAll(async () => {
  api = await startTestApi({ limits: { laneMaxAgeMs: 0 } })
  settlement = await settleByHand(api.db, api.app.ledgerId, api.tokens.cpop.tokenId)
})
afterAll(() => api?.close())

let made = 0
let user = ""
beforeEach(() => {
  made += 1
  user = `user_${made}`
})

const why = { reason: "its transaction reverts every time" }
const cancel = (batchId: string, body: unknown = why, headers?: Record<string, string>) =>
  api.call("POST", `/api/v1/batches/${batchId}/cancel`, body, headers)
const refusalOf = ({ status, body }: Awaited<ReturnType<typeof cancel>>) => [
  status,
  body.errors?.[0]?.code,
  body.errors?.[0]?.field,
]
const rowOf = (batchId: string) =>
  api.db
    .selectFrom("settlement.batches")
    .selectAll()
    .where("batch_id", "=", batchId)
    .executeTakeFirstOrThrow()

/** A batch of one credit, in the state that the batcher would have left it in. */
async function sealed(columns?: Record<string, unknown>): Promise<{ id: string; sequence: bigint }> {
  await api.fund(user, "1")
  await settlement.takeIn()
  const sequence = (await settlement.seal()) ?? 0n
  if (columns !== undefined) await settlement.mark(sequence, columns)
  const { batches } = (await api.call("GET", "/api/v1/batches?limit=1")).body.data
  return { id: batches[0].batch_id, sequence }
}

const cancelled = { state: "cancelled", cancelled_position: 1n, confirmed_position: null }
const requestedColumns = {
  ...{ cancel_requested_at: new Date("2026-01-02T03:04:05.678Z"), cancel_requested_by: "batcher" },
  ...{ cancel_reason: "refused after 3 attempts", cancel_calldata_hash: `0x${"ab".repeat(32)}` },
}

describe("a batch that is not on the chain yet", () => {
  it.each(["sealed", "simulated", "signed", "broadcast"])("is cancelled while it is %s", async (state) => {
    const { id } = await sealed({ state, failures: 2, retry_at: new Date() })
    const before = Date.now()
    const { status, body } = await cancel(id, { reason: `  ${why.reason} ` })
    expect(status).toBe(200)
    expect(body.data).toEqual({
      batch_id: id,
      status: "cancelling",
      requested_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      requested_by: expect.stringMatching(/^key:\S+$/),
      reason: why.reason,
      was_requested: false,
    })
    const at = Date.parse(body.data.requested_at)
    expect(at).toBeGreaterThanOrEqual(before)
    expect(at).toBeLessThanOrEqual(Date.now())
    const shown = (await api.call("GET", `/api/v1/batches/${id}?fields=cancel_requested_at`)).body.data
    expect(shown).toEqual({ cancel_requested_at: body.data.requested_at })
    // The request is what the chain gets, and nothing that failed before keeps it waiting.
    expect(await rowOf(id)).toMatchObject({
      ...{ state, failures: 0, retry_at: null, cancel_reason: why.reason },
      cancel_requested_by: body.data.requested_by,
      cancel_requested_at: new Date(at),
      cancel_calldata_hash: expect.stringMatching(/^0x[0-9a-f]{64}$/),
    })
  })

  it("keeps its first request, whoever asks again and in whatever case", async () => {
    const { id } = await sealed({ state: "broadcast" })
    const first = (await cancel(id)).body.data
    const other = { authorization: `Bearer ${await seedKey(api.db, api.app)}` }
    const again = await cancel(id.toUpperCase(), { reason: "another one" }, other)
    expect(again.status).toBe(200)
    expect(again.body.data).toEqual({ ...first, was_requested: true })
    const many = await Promise.all(Array.from({ length: 4 }, () => cancel(id)))
    expect(many.map(({ body }) => body.data)).toEqual(
      Array.from({ length: 4 }, () => ({ ...first, was_requested: true })),
    )
  })

  it("is asked for by one of several at once", async () => {
    const { id } = await sealed({ state: "broadcast" })
    const all = await Promise.all([1, 2, 3, 4].map((one) => cancel(id, { reason: `reason ${one}` })))
    expect(all.map(({ status }) => status)).toEqual([200, 200, 200, 200])
    expect(all.filter(({ body }) => body.data.was_requested === false)).toHaveLength(1)
    expect(new Set(all.map(({ body }) => body.data.reason)).size).toBe(1)
  })
})

describe("a repeated request", () => {
  it.each([
    ["mined", { state: "mined" }, "cancelling"],
    ["confirmed", { state: "confirmed", confirmed_position: 1n }, "confirmed"],
    ["cancelled", cancelled, "cancelled"],
  ])("says what became of the batch that is %s by now", async (_, columns, status) => {
    const { id } = await sealed({ ...columns, ...requestedColumns })
    const reply = await cancel(id)
    expect(reply.status).toBe(200)
    expect(reply.body.data).toEqual({
      ...{ batch_id: id, status, requested_at: "2026-01-02T03:04:05.678Z", requested_by: "batcher" },
      ...{ reason: "refused after 3 attempts", was_requested: true },
    })
  })
})

describe("what is refused", () => {
  it.each([
    ["mined", { state: "mined" }],
    ["confirmed", { state: "confirmed", confirmed_position: 1n }],
  ])("a batch that is %s", async (state, columns) => {
    const { id } = await sealed(columns)
    const reply = await cancel(id)
    expect(refusalOf(reply)).toEqual([409, "BATCH_NOT_CANCELLABLE", "batch_id"])
    expect(reply.body.errors?.[0]?.message).toContain(`it is ${state}`)
    expect((await rowOf(id)).cancel_requested_at).toBeNull()
  })

  it("a batch that was taken apart", async () => {
    await api.fund(user, "1")
    await giveUp({ db: api.db, ledgerId: api.app.ledgerId }, settlement, [user])
    const { batches } = (await api.call("GET", "/api/v1/batches?limit=1")).body.data
    const reply = await cancel(batches[0].batch_id)
    expect(refusalOf(reply)).toEqual([409, "BATCH_NOT_CANCELLABLE", "batch_id"])
    expect(reply.body.errors?.[0]?.message).toContain("it is dead_letter")
  })

  it("a batch of a token that knows no batch ids", async () => {
    const token = api.db.updateTable("registry.tokens").where("token_id", "=", api.tokens.cpop.tokenId)
    await token.set({ settlement_mode: "batch-mint-burn" }).execute()
    onTestFinished(async () => {
      await token.set({ settlement_mode: "settle" }).execute()
    })
    await api.fund(user, "1")
    await settlement.takeIn()
    const sequence = (await settlement.seal("batch_mint")) ?? 0n
    await settlement.mark(sequence, { state: "broadcast" })
    const { batches } = (await api.call("GET", "/api/v1/batches?limit=1")).body.data
    const reply = await cancel(batches[0].batch_id)
    expect(refusalOf(reply)).toEqual([409, "CANCELLATION_UNSUPPORTED", "batch_id"])
    expect(reply.body.errors?.[0]?.message).toContain("settled by batch-mint-burn")
    expect((await rowOf(batches[0].batch_id)).cancel_requested_at).toBeNull()
  })

  it("an id that no batch of the app has", async () => {
    const { id } = await sealed({ state: "broadcast" })
    const unknown = [404, "UNKNOWN_BATCH", "batch_id"]
    for (const wrong of [`0x${"ab".repeat(32)}`, "0x", "1", id.slice(2), `${id}0`])
      expect(refusalOf(await cancel(wrong)), wrong).toEqual(unknown)
    expect(refusalOf(await cancel(`${id}%00`))).toEqual([400, "MALFORMED_TEXT", null])
    const authorization = `Bearer ${(await seedApp(api.db)).apiKey}`
    expect(refusalOf(await cancel(id, why, { authorization }))).toEqual(unknown)
    expect((await rowOf(id)).cancel_requested_at).toBeNull()
  })

  it("a request without a reason that can be read, or with something else", async () => {
    const { id } = await sealed({ state: "broadcast" })
    for (const body of [
      {},
      { reason: "" },
      { reason: "  " },
      { reason: "a\nb" },
      { reason: "x".repeat(501) },
    ])
      expect(refusalOf(await cancel(id, body))).toEqual([422, "INVALID_FIELD", "reason"])
    expect((await cancel(id, { ...why, force: true })).status).toBe(422)
    expect((await rowOf(id)).cancel_requested_at).toBeNull()
  })

  it("a caller without a key, or without the scope, before anything is looked at", async () => {
    const { id } = await sealed({ state: "broadcast" })
    const anybody = await cancel(id, why, { authorization: "Bearer cb_wrong" })
    expect(refusalOf(anybody).slice(0, 2)).toEqual([401, "UNAUTHENTICATED"])
    const scopes = ["ledger:read", "ledger:write"]
    const headers = { authorization: `Bearer ${await seedKey(api.db, api.app, scopes)}` }
    for (const asked of [id, "nothing"])
      expect(refusalOf(await cancel(asked, "{", headers)).slice(0, 2)).toEqual([403, "FORBIDDEN"])
    expect((await rowOf(id)).cancel_requested_at).toBeNull()
  })
})

it("is in the documentation, with its refusals and all that it answers", async () => {
  const { paths } = (await (await fetch(`${api.server.url}/openapi.json`)).json()) as {
    paths: Record<string, Record<string, { responses: Record<string, unknown>; requestBody: unknown }>>
  }
  const operation = paths["/api/v1/batches/{batch_id}/cancel"]?.post
  expect(Object.keys(operation?.responses ?? {})).toEqual(
    expect.arrayContaining(["200", "401", "403", "404", "409", "422"]),
  )
  const written = JSON.stringify(operation)
  for (const word of ["UNKNOWN_BATCH", "BATCH_NOT_CANCELLABLE", "CANCELLATION_UNSUPPORTED", "was_requested"])
    expect(written).toContain(word)
  expect(JSON.stringify(operation?.requestBody)).toContain('"required":["reason"]')
})
