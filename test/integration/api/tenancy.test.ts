import { sql } from "kysely"
import { pino } from "pino"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { startApiServer } from "../../../api/api-server.ts"
import { runTestImports, upload, whenEnded } from "../../support/import-fixture.ts"
import { seedApp } from "../../support/seed-registry.ts"
import { type HandSettlement, settleByHand } from "../../support/settle-by-hand.ts"
import { startTestApi, type TestApi } from "../../support/test-api.ts"
import { waitUntil } from "../../support/wait-until.ts"

let api: TestApi
let settlement: HandSettlement
beforeAll(async () => {
  api = await startTestApi()
  settlement = await settleByHand(api.db, api.app.ledgerId, api.tokens.cpop.tokenId)
})
afterAll(() => api.close())

let made = 0
let user = ""
beforeEach(() => {
  made += 1
  user = `user_${made}`
})

const get = async (path: string) => (await api.call("GET", `/api/v1${path}`)).body.data
const change = (amount: string) => ({ user_id: user, token_symbol: "CPOP", amount, reason_type: "reward" })

describe("reconciliation", () => {
  it("is asked for, and its runs and differences are told", async () => {
    await api.fund(user, "1")
    const reply = await api.call("POST", "/api/v1/reconciliation/run", {
      token_symbol: "CPOP",
      user_id: user,
    })
    expect(reply.status).toBe(202)
    const [runId] = reply.body.data.run_ids
    expect((await get(`/reconciliation?run_id=${runId}`)).runs).toEqual([
      expect.objectContaining({ run_id: runId, state: "requested", user_id: user, drift_count: null }),
    ])
    await sql`
      UPDATE ledger.reconciliation_runs SET state = 'finished', finished_at = now(), block_number = 12, block_hash = ${`0x${"aa".repeat(32)}`},
        position = 5, accounts_compared = 1, supply_ledger = 5, supply_indexer = 5, supply_chain = 4 WHERE run_id = ${runId}`.execute(
      api.db,
    )
    await sql`
      INSERT INTO ledger.drifts (ledger_id, run_id, drift_id, account_id, ledger_amount, indexer_amount, chain_amount, cause)
      SELECT ${api.app.ledgerId}, ${runId}, gen_random_uuid(), account_id, 5, 5, 4, 'unknown' FROM ledger.accounts
      WHERE ledger_id = ${api.app.ledgerId} AND user_id = ${user}`.execute(api.db)
    const { runs } = await get("/reconciliation")
    expect(runs).toContainEqual(
      expect.objectContaining({
        run_id: runId,
        state: "finished",
        accounts_compared: 1,
        drift_count: 1,
        drifts_by_cause: { unknown: 1 },
        drifts: [expect.objectContaining({ user_id: user, difference: "-0.000000000000000001" })],
        watermark: { block_number: 12, block_hash: `0x${"aa".repeat(32)}`, position: "5" },
      }),
    )
    const all = await api.call("POST", "/api/v1/reconciliation/run")
    expect(all.body.data.run_ids).toHaveLength(6)
    const nobody = await api.call("POST", "/api/v1/reconciliation/run", { user_id: "nobody" })
    expect(nobody.body.errors?.[0]?.code).toBe("UNKNOWN_USER")
  })
})

describe("another app's key", () => {
  it("sees nothing, on any route", async () => {
    await api.fund(user, "1")
    await settlement.takeIn()
    await settlement.seal()
    const mine = (await get(`/balance/${user}/history`)).history[0]
    const [batch] = (await get("/batches")).batches
    const run = (await api.call("POST", "/api/v1/reconciliation/run", { token_symbol: "CPOP" })).body.data
      .run_ids[0]
    const stranger = { authorization: `Bearer ${(await seedApp(api.db)).apiKey}` }
    // A log of the stranger's own, so that our positions exist in it as well.
    const others = Array.from({ length: 300 }, () => ({ ...change("+1"), user_id: "stranger" }))
    expect((await api.adjust({ adjustments: others }, stranger)).status).toBe(200)
    const status = async (path: string) =>
      (await api.call("GET", `/api/v1${path}`, undefined, stranger)).status
    expect(await status(`/balance/${user}`)).toBe(404)
    expect(await status(`/balance/${user}/history`)).toBe(404)
    expect(await status(`/operations/${mine.operation_id}`)).toBe(404)
    expect(await status(`/transaction/${mine.tx_id}`)).toBe(404)
    expect(await status(`/batches/${batch.batch_id}`)).toBe(404)
    expect(await status(`/reconciliation?run_id=${run}`)).toBe(404)
    const see = async (path: string) =>
      (await api.call("GET", `/api/v1${path}`, undefined, stranger)).body.data
    expect((await see("/batches")).batches).toEqual([])
    expect((await see("/reconciliation")).runs).toEqual([])
    expect((await see("/system/health")).performance_metrics).toMatchObject({ pending_transactions: 300 })
    const log = await fetch(`${api.server.url}/api/v1/audit/events`, { headers: stranger })
    expect(await log.text()).not.toContain(api.app.ledgerId)
    const ours = (await get(`/wallet/${user}`)).wallets[0].aa_address
    expect((await see(`/wallet/${user}`)).wallets[0].aa_address).not.toBe(ours)
  })
})

describe("an alarm about one app's ledger", () => {
  it("is shown to that app alone, whatever the alarm is called", async () => {
    const health = async (headers?: Record<string, string>) =>
      (await api.call("GET", "/api/v1/system/health", undefined, headers)).body.data
    const stranger = { authorization: `Bearer ${(await seedApp(api.db)).apiKey}` }
    const before = await health(stranger)
    const line = `${user},CPOP,+1,reward\n`
    const file = await upload(api, `user_id,token_symbol,amount,reason_type\n${line.repeat(20_000)}`)
    const importId = file.data?.import_id ?? ""
    // A piece of the file is lost: the import cannot go on.
    await sql`DELETE FROM ledger.import_chunks WHERE chunk = 1`.execute(api.db)
    const imports = runTestImports(api)
    expect(await whenEnded(api, importId)).toMatchObject({ state: "failed" })
    const shown = () => health().then(({ alarms }) => alarms as { subject: string }[])
    await waitUntil(async () => (await shown()).some(({ subject }) => subject === importId), {
      what: "the app is told",
    })
    await imports.stop()
    expect(await health(stranger)).toMatchObject({ open_alarms: before.open_alarms, alarms: before.alarms })
  })
})

describe("the log", () => {
  it("has one line a request, which names the route and neither the user nor the key", async () => {
    const lines: string[] = []
    const logger = pino({ level: "trace" }, { write: (line: string) => lines.push(line) })
    const server = await startApiServer({
      db: api.db,
      writerPool: api.writerPool,
      logger,
      host: "127.0.0.1",
      port: 0,
      version: "x",
    })
    const headers = {
      authorization: `Bearer ${api.apiKey}`,
      "content-type": "application/json",
      "x-request-id": "r-1",
    }
    const secretUser = "ann@example.com"
    const adjustments = [{ ...change("+12345"), user_id: secretUser, reason_detail: "private words" }]
    await fetch(`${server.url}/api/v1/balance/adjust`, {
      method: "POST",
      headers,
      body: JSON.stringify({ adjustments }),
    })
    await fetch(`${server.url}/api/v1/balance/${secretUser}?token_symbol=CPOP`, { headers })
    await fetch(`${server.url}/api/v1/nothing/${secretUser}`, { headers })
    await server.stop()
    const requests = lines
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .filter((line) => line.msg === "request")
    expect(requests).toHaveLength(3)
    expect(requests[0]).toMatchObject({
      request_id: "r-1",
      route: "/api/v1/balance/adjust",
      status: 200,
      method: "POST",
    })
    expect(requests[1]).toMatchObject({ route: "/api/v1/balance/{user_id}", duration_ms: expect.any(Number) })
    const text = lines.join("")
    for (const secret of [secretUser, api.apiKey, "12345", "private words"])
      expect(text).not.toContain(secret)
  })
})
