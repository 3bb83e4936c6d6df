import { afterAll, beforeAll, expect, it } from "vitest"
import { createApi } from "../../../api/app.ts"
import { createServices } from "../../../api/services.ts"
import { verifyLedger } from "../../../ledger/audit/verify-ledger.ts"
import { lockHead } from "../../../ledger/store/ledger-transaction.ts"
import {
  createLedgerWriter,
  defaultWriterLimits,
  type LedgerWriter,
} from "../../../ledger/writer/ledger-writer.ts"
import { createTokenDirectory } from "../../../ledger/writer/token-directory.ts"
import { createLogger } from "../../../platform/logger.ts"
import { seedApp } from "../../support/seed-registry.ts"
import { startTestApi, type TestApi } from "../../support/test-api.ts"
import { adjustCommand, insertLedger } from "../../support/test-ledger.ts"
import { waitUntil } from "../../support/wait-until.ts"
import { waitingForLocks } from "../../support/waiting-for-locks.ts"

const logger = createLogger("test", "silent")

let api: TestApi
beforeAll(async () => {
  api = await startTestApi()
})
afterAll(() => api?.close())

function writerOf(ledgerId: string, limits: Partial<typeof defaultWriterLimits> = {}): LedgerWriter {
  return createLedgerWriter({
    db: api.db,
    writerPool: api.writerPool,
    ledgerId,
    tokens: createTokenDirectory(api.db, ledgerId),
    logger,
    limits: { ...defaultWriterLimits, ...limits },
  })
}

/** Holds a ledger's head as a paused session would, until `work` is done. */
async function whileHeadIsHeld(ledgerId: string, work: () => Promise<void>): Promise<void> {
  await api.db.transaction().execute(async (trx) => {
    await lockHead(trx, ledgerId)
    await work()
  })
}

const someoneWaits = () =>
  waitUntil(async () => (await waitingForLocks(api.db)).length > 0, { what: "a writer waits for the head" })

it("a database that does not keep up fills the queue up to its limit; the others are told to come back, and nothing of theirs is recorded", async () => {
  const queueRequestsMax = 20
  const sent = 80
  const { ledgerId } = api.app
  const context = {
    db: api.db,
    writerPool: api.writerPool,
    logger,
    host: "127.0.0.1",
    port: 0,
    version: "0.0.0-test",
  }
  const writer = writerOf(ledgerId, { queueRequestsMax })
  const writers = { of: () => writer, stop: () => writer.stop() }
  const app = createApi(context, { ...createServices(context), writers })
  const adjustment = { user_id: "ann", token_symbol: "POINT", amount: "+1", reason_type: "reward" }
  const send = async (id: number) =>
    app.request("/api/v1/balance/adjust", {
      method: "POST",
      headers: { authorization: `Bearer ${api.apiKey}`, "content-type": "application/json" },
      body: JSON.stringify({ operation_id: `op-${id}`, adjustments: [adjustment] }),
    })
  let answers: Response[] = []
  await whileHeadIsHeld(ledgerId, async () => {
    const group = send(0)
    await someoneWaits()
    const all = Array.from({ length: sent }, (_, index) => send(index + 1))
    // Whoever is refused is refused now, and not when the database has come back.
    await waitUntil(async () => writer.queuedRequests() === queueRequestsMax, { what: "the queue is full" })
    const refused = await Promise.race([...all])
    expect(refused.status).toBe(503)
    expect(refused.headers.get("retry-after")).toBe("1")
    expect(await refused.json()).toMatchObject({ errors: [{ code: "OVERLOADED" }] })
    answers = [] as Response[]
    void Promise.all([group, ...all]).then((done) => {
      answers = done
    })
  })
  await waitUntil(async () => answers.length === sent + 1, { what: "all have their answer" })
  const recorded = answers.filter(({ status }) => status === 200).length
  expect(recorded).toBe(1 + queueRequestsMax)
  expect(answers.filter(({ status }) => status === 503)).toHaveLength(sent - queueRequestsMax)
  for (const [id, { status }] of answers.entries()) {
    const found = await api.call("GET", `/api/v1/operations/op-${id}`)
    expect(found.status).toBe(status === 200 ? 200 : 404)
  }
  expect(await verifyLedger(api.db, ledgerId)).toMatchObject({ ok: true, events: BigInt(recorded + 1) })
  // Who comes back is served.
  expect((await send(sent)).status).toBe(200)
})

it("what waits in memory is bounded by its size, however large the requests are", async () => {
  const ledgerId = await insertLedger(api.db)
  const writer = writerOf(ledgerId, { queueAdjustmentsMax: 20_000 })
  const size = 1_000
  const bulk = (id: number) =>
    adjustCommand(
      api.tokens.point.tokenId,
      `bulk-${id}`,
      Array.from({ length: size }, () => ["ann", 1n] as const),
    )
  const outcomes: Promise<string>[] = []
  await whileHeadIsHeld(ledgerId, async () => {
    outcomes.push(writer.execute(bulk(0)).then(({ outcome }) => outcome))
    await someoneWaits()
    for (let id = 1; id <= 60; id += 1) outcomes.push(writer.execute(bulk(id)).then(({ outcome }) => outcome))
    expect(writer.queuedRequests()).toBe(20)
  })
  const counts = (await Promise.all(outcomes)).reduce(
    (sum, outcome) => sum.set(outcome, (sum.get(outcome) ?? 0) + 1),
    new Map<string, number>(),
  )
  expect(Object.fromEntries(counts)).toEqual({ recorded: 21, overloaded: 40 })
  expect(await verifyLedger(api.db, ledgerId)).toMatchObject({ ok: true, events: BigInt(21 * size + 1) })
})

it("a ledger whose head somebody keeps does not hold up the others of the process", async () => {
  const other = await seedApp(api.db)
  const adjustment = { user_id: "ann", token_symbol: "POINT", amount: "+1", reason_type: "reward" }
  const headers = { authorization: `Bearer ${other.apiKey}` }
  let isHeld = true
  let held: Promise<unknown> | undefined
  await whileHeadIsHeld(api.app.ledgerId, async () => {
    held = Promise.all(
      Array.from({ length: 20 }, async () => {
        const reply = await api.adjust({ adjustments: [adjustment] })
        expect(isHeld).toBe(false)
        return reply.status
      }),
    )
    await someoneWaits()
    const beganMs = performance.now()
    for (let round = 0; round < 20; round += 1)
      expect((await api.adjust({ adjustments: [adjustment] }, headers)).status).toBe(200)
    // None of them has waited until the session was ended for its idleness, which takes 10 s.
    expect(performance.now() - beganMs).toBeLessThan(8_000)
    isHeld = false
  })
  expect(await held).toEqual(Array.from({ length: 20 }, () => 200))
  expect(await verifyLedger(api.db, other.app.ledgerId)).toMatchObject({ ok: true, events: 21n })
})
