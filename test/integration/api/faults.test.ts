import { once } from "node:events"
import { createServer } from "node:net"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { startApiServer } from "../../../api/api-server.ts"
import { createApi } from "../../../api/app.ts"
import { createServices } from "../../../api/services.ts"
import type { Database } from "../../../ledger/store/database.ts"
import { lockHead } from "../../../ledger/store/ledger-transaction.ts"
import { createLedgerWriter, defaultWriterLimits } from "../../../ledger/writer/ledger-writer.ts"
import { createTokenDirectory } from "../../../ledger/writer/token-directory.ts"
import { createWriterPool } from "../../../ledger/writer/writer-pool.ts"
import { createLogger } from "../../../platform/logger.ts"
import { createKysely, createPool } from "../../../platform/postgres.ts"
import { startTestApi, type TestApi } from "../../support/test-api.ts"
import { waitingForLocks } from "../../support/waiting-for-locks.ts"

let api: TestApi
beforeAll(async () => {
  api = await startTestApi()
})
afterAll(() => api.close())

const logger = createLogger("api", "silent")
const context = () => ({
  db: api.db,
  writerPool: api.writerPool,
  logger,
  host: "127.0.0.1",
  port: 0,
  version: "0.0.0-test",
})
const reward = { user_id: "ann", token_symbol: "CPOP", amount: "+1", reason_type: "reward" }
const adjust = (operationId: string) => ({
  method: "POST",
  headers: { authorization: `Bearer ${api.apiKey}`, "content-type": "application/json" },
  body: JSON.stringify({ operation_id: operationId, adjustments: [reward] }),
})
const path = "/api/v1/balance/adjust"

/** Holds the ledger's head, so that every write waits, until `work` is done. */
async function whileHeadIsHeld(work: () => Promise<void>): Promise<void> {
  await api.db.transaction().execute(async (trx) => {
    await lockHead(trx, api.app.ledgerId)
    await work()
  })
}

describe("a write", () => {
  it("is turned away when the queue is full, and nothing is recorded", async () => {
    const writer = createLedgerWriter({
      db: api.db,
      writerPool: api.writerPool,
      ledgerId: api.app.ledgerId,
      tokens: createTokenDirectory(api.db, api.app.ledgerId),
      logger,
      limits: { ...defaultWriterLimits, queueRequestsMax: 0, queueAdjustmentsMax: 0 },
    })
    const writers = { of: () => writer, stop: () => writer.stop() }
    const app = createApi(context(), { ...createServices(context()), writers })
    const response = await app.request(path, adjust("overloaded"))
    expect(response.status).toBe(503)
    expect(response.headers.get("retry-after")).toBe("1")
    expect(await response.json()).toMatchObject({ code: 503, errors: [{ code: "OVERLOADED" }] })
    expect((await api.call("GET", "/api/v1/operations/overloaded")).status).toBe(404)
  })

  it("that takes too long is answered, and its outcome is there when asked again", async () => {
    const limits = { requestTimeoutMs: 300 }
    const app = createApi({ ...context(), limits })
    await whileHeadIsHeld(async () => {
      const never = new Promise<never>((_, reject) =>
        setTimeout(reject, 5_000, new Error("no answer in time")),
      )
      const late = await Promise.race([app.request(path, adjust("late")), never])
      expect(late.status).toBe(504)
      expect(late.headers.get("retry-after")).toBe("1")
      expect(await late.json()).toMatchObject({ code: 504, errors: [{ code: "TIMEOUT" }] })
    })
    await expect.poll(async () => (await api.call("GET", "/api/v1/operations/late")).status).toBe(200)
    const again = await fetch(`${api.server.url}${path}`, adjust("late"))
    expect(again.headers.get("idempotent-replayed")).toBe("true")
  })
})

describe("without its database", () => {
  it("everything says so in the envelope, and the process lives", async () => {
    const nowhere = { databaseUrl: "postgres://nobody:nothing@127.0.0.1:1/none", applicationName: "test" }
    const db = createKysely<Database>(createPool({ ...nowhere, connectionsMax: 2 }))
    const writerPool = createWriterPool(nowhere)
    const app = createApi({ ...context(), db, writerPool })
    for (const request of [app.request(path, adjust("x")), app.request("/api/v1/tokens", adjustHeaders())]) {
      const response = await request
      expect(response.status).toBe(503)
      expect(response.headers.get("retry-after")).toBe("1")
      const body = await response.json()
      expect(body).toMatchObject({ code: 503, errors: [{ code: "LEDGER_UNAVAILABLE" }] })
      expect(JSON.stringify(body)).not.toMatch(/127\.0\.0\.1|ECONNREFUSED/)
    }
    const ready = await app.request("/readyz")
    expect(await ready.json()).toMatchObject({ code: 503, errors: [{ code: "NOT_READY" }] })
    for (const headers of [{}, adjustHeaders()]) {
      const health = await app.request("/api/v1/system/health", headers)
      expect(await health.json()).toMatchObject({
        code: 503,
        data: { status: "unhealthy", components: { database: "unhealthy" }, performance_metrics: null },
      })
    }
    expect((await app.request("/livez")).status).toBe(200)
    await db.destroy()
    await writerPool.end()
  })
})

function adjustHeaders() {
  return { headers: { authorization: `Bearer ${api.apiKey}` } }
}

describe("the server", () => {
  it("names the port that is taken and what to do", async () => {
    const other = createServer().listen(0, "127.0.0.1")
    await once(other, "listening")
    const address = other.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    await expect(startApiServer({ ...context(), port })).rejects.toMatchObject({
      code: "PORT_TAKEN",
      message: expect.stringContaining(`port ${port}`),
    })
    other.close()
  })

  it("finishes what is in flight when it stops, and takes nothing new", async () => {
    const server = await startApiServer(context())
    await fetch(`${server.url}/livez`)
    let inFlight: Promise<Response> | undefined
    let stopped: Promise<void> | undefined
    await whileHeadIsHeld(async () => {
      inFlight = fetch(`${server.url}${path}`, adjust("in-flight"))
      await expect.poll(async () => (await waitingForLocks(api.db)).length).toBe(1)
      stopped = server.stop()
      await expect(fetch(`${server.url}/livez`)).rejects.toThrow()
    })
    const from = performance.now()
    expect((await inFlight)?.status).toBe(200)
    await stopped
    expect(performance.now() - from).toBeLessThan(3_000)
    expect((await api.call("GET", "/api/v1/operations/in-flight")).status).toBe(200)
  })

  it("does not wait for ever", async () => {
    const server = await startApiServer({ ...context(), limits: { shutdownTimeoutMs: 300 } })
    await whileHeadIsHeld(async () => {
      const cut = fetch(`${server.url}${path}`, adjust("cut")).catch(() => "cut")
      await new Promise((resolve) => setTimeout(resolve, 200))
      const from = performance.now()
      await server.stop()
      expect(performance.now() - from).toBeLessThan(2_400)
      expect(await cut).toBe("cut")
    })
  })
})
