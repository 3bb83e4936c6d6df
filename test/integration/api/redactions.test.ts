import { sql } from "kysely"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { verifyLedger } from "../../../ledger/audit/verify-ledger.ts"
import { runRedactions } from "../../../ledger/redactions/run-redactions.ts"
import type { Database } from "../../../ledger/store/database.ts"
import { createLogger } from "../../../platform/logger.ts"
import { createKysely, createPool } from "../../../platform/postgres.ts"
import { seedKey } from "../../support/seed-registry.ts"
import { startTestApi, type TestApi } from "../../support/test-api.ts"

let api: TestApi
beforeAll(async () => {
  api = await startTestApi()
})
afterAll(() => api.close())

const secret = "lives at 7 Mill Lane"
const change = (user: string, amount: string) => ({
  user_id: user,
  token_symbol: "CPOP",
  amount,
  reason_type: "reward",
  reason_detail: secret,
  metadata: { activity_id: secret },
})
let made = 0
const freshUser = (): string => {
  made += 1
  return `person_${made}`
}
const post = (path: string, body: object, headers?: Record<string, string>) =>
  api.call("POST", `/api/v1${path}`, body, headers)
const get = async (path: string) => (await api.call("GET", `/api/v1${path}`)).body.data
const redact = (body: object) => post("/admin/redactions", { reason: "request 4711", ...body })
const verify = () => verifyLedger(api.db, api.app.ledgerId)
const eventsOf = async (user: string): Promise<string> => {
  const { rows } = await sql<{ account_id: bigint }>`
    SELECT account_id FROM ledger.accounts WHERE user_id = ${user}`.execute(api.db)
  const ids = new Set(rows.map((row) => row.account_id.toString()))
  const response = await fetch(`${api.server.url}/api/v1/audit/events`, {
    headers: { authorization: `Bearer ${api.apiKey}` },
  })
  const lines = (await response.text()).trim().split("\n")
  return lines.filter((line) => ids.has(JSON.parse(line).account_id)).join("\n")
}

describe("an erasure", () => {
  it("takes what was said of a user out of every answer, and leaves hashes, balances and retries as they are", async () => {
    const user = freshUser()
    const operation = { operation_id: `op-${user}`, adjustments: [change(user, "+5"), change(user, "-1")] }
    const first = await api.adjust(operation)
    const held = await post("/balance/holds", { ...change(user, "2"), operation_id: `hold-${user}` })
    await api.adjust({ adjustments: [change("somebody_else", "+1")] })
    const before = await get(`/balance/${user}`)
    const headHash = async () => {
      const verified = await verify()
      return verified.ok ? verified.headHash : "broken"
    }
    const oldHash = await headHash()
    const oldLines = await eventsOf(user)
    expect(oldLines).toContain(secret)

    const reply = await redact({ user_id: user, operation_id: `erase-${user}` })
    expect(reply.status).toBe(202)
    expect(reply.body.data).toEqual({
      redaction_id: expect.stringMatching(/^redaction_/),
      operation_id: `erase-${user}`,
      sequence: 0,
      position: expect.stringMatching(/^\d+$/),
      user_id: user,
      status: "complete",
      redacted_events: 3,
    })
    expect(await get(`/admin/redactions/${reply.body.data.redaction_id}`)).toMatchObject({
      status: "complete",
      redacted_events: 3,
      steps: 1,
      reason: "request 4711",
      requested_by: expect.stringMatching(/^key:/),
      finished_at: expect.any(String),
    })
    const newLines = await eventsOf(user)
    expect(newLines).not.toContain(secret)
    const hashes = (lines: string) => lines.split("\n").map((line) => JSON.parse(line).hash)
    expect(hashes(newLines)).toEqual(hashes(oldLines))
    expect(await headHash()).not.toBe(oldHash)
    const history = await get(`/balance/${user}/history`)
    expect(JSON.stringify(history)).not.toContain(secret)
    expect(history.history).toMatchObject([
      { reason_detail: null, metadata: null, details_redacted: true, amount: "-1.000000000000000000" },
      { reason_detail: null, metadata: null, details_redacted: true, amount: "+5.000000000000000000" },
    ])
    expect(await get(`/transaction/${history.history[0].tx_id}`)).toMatchObject({
      details_redacted: true,
      metadata: null,
    })
    const { hold_id } = held.body.data
    expect(await get(`/balance/holds/${hold_id}`)).toMatchObject({ details_redacted: true, metadata: null })
    expect(await get(`/balance/${user}`)).toEqual(before)
    expect((await get("/balance/somebody_else/history")).history[0]).toMatchObject({
      reason_detail: secret,
      details_redacted: false,
    })
    // Whoever sends the first request again gets the first answer, and so does who captures what was held.
    expect((await api.adjust(operation)).body.data).toEqual(first.body.data)
    const again = await redact({ user_id: user, operation_id: `erase-${user}` })
    expect(again.body.data).toEqual(reply.body.data)
    expect(again.headers.get("idempotent-replayed")).toBe("true")
    const captured = await post(`/balance/holds/${hold_id}/capture`, {})
    expect(captured.status).toBe(200)
    const { rows } = await sql<{ details: unknown }>`
      SELECT details FROM ledger.events WHERE type = 'HoldCaptured' ORDER BY position DESC LIMIT 1`.execute(
      api.db,
    )
    expect(rows[0]?.details).toBeNull()
    expect(await verify()).toMatchObject({ ok: true, redacted: 3n })
  })

  it("takes named transactions and holds only", async () => {
    const user = freshUser()
    const { transactions } = (await api.adjust({ adjustments: [change(user, "+5"), change(user, "+6")] }))
      .body.data
    const { hold_id } = (await post("/balance/holds", change(user, "2"))).body.data
    const named = [transactions[1].tx_id, hold_id]
    const reply = await redact({ tx_ids: [...named, named[0]] })
    expect(reply.body.data).toMatchObject({ user_id: null, status: "complete", redacted_events: 2 })
    expect(await get(`/admin/redactions/${reply.body.data.redaction_id}`)).toMatchObject({
      status: "complete",
      steps: 1,
    })
    const { history } = await get(`/balance/${user}/history`)
    expect(history.map((row: { details_redacted: boolean }) => row.details_redacted)).toEqual([true, false])
    // What is gone is gone: to ask for it again changes nothing, and binds no key.
    const nothing = await redact({ tx_ids: named, operation_id: `again-${user}` })
    expect(nothing.body.data).toMatchObject({ redaction_id: null, redacted_events: 0, status: "complete" })
    expect((await redact({ user_id: user, operation_id: `again-${user}` })).body.data.redacted_events).toBe(1)
    expect(await verify()).toMatchObject({ ok: true })
  })

  it("asked for several times at once says that nothing is left only where nothing is", async () => {
    const user = freshUser()
    for (const operation of [1, 2])
      await api.adjust({
        operation_id: `op-${user}-${operation}`,
        adjustments: Array.from({ length: 10_000 }, () => change(user, "+1")),
      })
    const answers = await Promise.all([1, 2, 3].map(() => redact({ user_id: user })))
    const { rows } = await sql<{ left: bigint }>`
      SELECT count(*) AS left FROM ledger.events e JOIN ledger.accounts a USING (ledger_id, account_id)
      WHERE a.user_id = ${user} AND e.details IS NOT NULL`.execute(api.db)
    // The others have found what the first one was about to erase.
    for (const { body } of answers)
      expect(body.data.redaction_id !== null || rows[0]?.left === 0n, JSON.stringify(body.data)).toBe(true)
  })

  it("of a user with more events than one step takes goes on in the workers, though their connections are cut", async () => {
    const user = freshUser()
    for (let round = 0; round < 3; round += 1)
      await api.adjust({ adjustments: Array.from({ length: 9_000 }, () => change(user, "+1")) })
    const reply = await redact({ user_id: user })
    expect(reply.body.data).toMatchObject({ status: "running", redacted_events: 10_000 })
    const progress = () => get(`/admin/redactions/${reply.body.data.redaction_id}`)
    expect(await progress()).toMatchObject({ status: "running", redacted_events: 15_000, steps: 2 })
    // What is said after the request stays.
    await api.adjust({ adjustments: [change(user, "+1")] })
    const logger = createLogger("test", "silent")
    const pool = createPool({
      databaseUrl: api.database.appUrl,
      applicationName: "test-eraser",
      connectionsMax: 2,
    })
    const db = createKysely<Database>(pool)
    const workers = [runRedactions({ db, logger }), runRedactions({ db, logger })]
    for (let round = 0; round < 8; round += 1) {
      await new Promise((resolve) => setTimeout(resolve, 60))
      await sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'test-eraser'`.execute(
        api.db,
      )
    }
    await expect
      .poll(progress, { timeout: 30_000 })
      .toMatchObject({ status: "complete", redacted_events: 27_000 })
    await Promise.all(workers.map((worker) => worker.stop()))
    await db.destroy()
    const { rows } = await sql<{ left: bigint; named: bigint }>`
      SELECT (SELECT count(*) FROM ledger.events e JOIN ledger.accounts a USING (ledger_id, account_id)
          WHERE a.user_id = ${user} AND e.details IS NOT NULL) AS left,
        (SELECT sum(json_array_length(data->'positions')) FROM ledger.events
          WHERE type = 'DetailsRedacted' AND data->>'user_id' = ${user}) AS named`.execute(api.db)
    expect(rows[0]).toEqual({ left: 1n, named: 27_000n })
    expect(await verify()).toMatchObject({ ok: true })
    // A second request begins where the first has ended.
    expect((await redact({ user_id: user })).body.data).toMatchObject({
      redacted_events: 1,
      status: "complete",
    })
  }, 120_000)
})

describe("a request to erase is refused", () => {
  it.each([
    [{}, 422, "INVALID_FIELD", "user_id"],
    [{ user_id: "ann", tx_ids: ["tx_1"] }, 422, "INVALID_FIELD", "user_id"],
    [{ user_id: "nobody" }, 404, "UNKNOWN_USER", "user_id"],
    [{ tx_ids: ["tx_nonsense"] }, 404, "UNKNOWN_TRANSACTION", "tx_ids[0]"],
    [{ tx_ids: [] }, 422, "INVALID_FIELD", "tx_ids"],
    [{ user_id: "ann", reason: "" }, 422, "INVALID_FIELD", "reason"],
  ])("with %j", async (body, status, code, field) => {
    const reply = await redact(body)
    expect([reply.status, reply.body.errors?.[0]?.code, reply.body.errors?.[0]?.field]).toEqual([
      status,
      code,
      field,
    ])
  })

  it("to a key without the scope", async () => {
    const key = await seedKey(api.db, api.app, ["ledger:write", "ledger:read", "audit:read"])
    const reply = await post(
      "/admin/redactions",
      { user_id: "ann", reason: "x" },
      { authorization: `Bearer ${key}` },
    )
    expect([reply.status, reply.body.errors?.[0]?.code]).toEqual([403, "FORBIDDEN"])
  })

  it("for another app's erasure", async () => {
    expect((await api.call("GET", "/api/v1/admin/redactions/redaction_nonsense")).status).toBe(404)
  })
})
