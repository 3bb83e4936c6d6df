import pg from "pg"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { verifyLedger } from "../../../ledger/audit/verify-ledger.ts"
import { createDatabase } from "../../support/create-database.ts"
import { type OwnPostgres, startOwnPostgres } from "../../support/own-postgres.ts"
import { mountSmallDisk, type SmallDisk } from "../../support/small-disk.ts"
import { startTestApi, type TestApi } from "../../support/test-api.ts"
import { waitUntil } from "../../support/wait-until.ts"

// Only root may mount one; REQUIRE_SERVICES=1 lets nobody skip this.
const mounted = mountSmallDisk(256)

let disk: SmallDisk
let postgres: OwnPostgres
let api: TestApi
beforeAll(async () => {
  if (mounted === undefined) return
  disk = mounted
  postgres = await startOwnPostgres({ parent: disk.directory })
  api = await startTestApi({ database: await createDatabase(postgres.adminUrl) })
})
afterAll(async () => {
  disk?.free()
  await postgres?.start()
  await api?.close()
  await postgres?.close()
  disk?.remove()
})

let bulks = 0
/** A bulk for users that nobody has heard of: it needs space. */
function drawBulk() {
  bulks += 1
  const adjustments = Array.from({ length: 1_000 }, (_, index) => ({
    user_id: `user-${bulks}-${index}`,
    token_symbol: "POINT",
    amount: "+5",
    reason_type: "reward",
  }))
  return { operation_id: `bulk-${bulks}`, adjustments }
}
type Bulk = ReturnType<typeof drawBulk>

const acknowledged: Bulk[] = []

async function expectRecorded(bulk: Bulk): Promise<void> {
  await waitUntil(async () => (await api.adjust(bulk)).status === 200, {
    what: "the same request is recorded",
    timeoutMs: 30_000,
    describe: async () => [(await api.adjust(bulk)).body, postgres.logTail()],
  })
  acknowledged.push(bulk)
}

/** All of what was acknowledged is there, and nothing else. */
async function expectWhole(): Promise<void> {
  const events = BigInt(2 + 2_000 * acknowledged.length)
  expect(await verifyLedger(api.db, api.app.ledgerId)).toMatchObject({ ok: true, events })
  for (const bulk of acknowledged)
    expect((await api.call("GET", `/api/v1/operations/${bulk.operation_id}`)).status).toBe(200)
}

const readAnn = () => api.call("GET", "/api/v1/balance/ann?token_symbol=POINT")

describe.skipIf(mounted === undefined)("a disk of the database that is full", () => {
  it("is said to be so, at once and with what to do; nothing is there in halves, reads go on, and so do writes when there is space", async () => {
    const ann = { user_id: "ann", token_symbol: "POINT", amount: "+7", reason_type: "reward" }
    expect((await api.adjust({ adjustments: [ann] })).status).toBe(200)
    disk.fill(256 * 1024)
    const refused = drawBulk()
    const beganMs = performance.now()
    for (let attempt = 1; attempt <= 3; attempt += 1) {
      const reply = await api.adjust(refused)
      expect(reply).toMatchObject({ status: 503, body: { errors: [{ code: "STORAGE_FULL" }] } })
      expect(reply.body.errors?.[0]?.message).toMatch(/recorded nothing; free or add disk space/)
      expect(reply.headers.get("retry-after")).toBe("5")
      expect(await readAnn()).toMatchObject({
        status: 200,
        body: { data: { balances: [{ pending_balance: "7" }] } },
      })
      expect((await api.call("GET", `/api/v1/operations/${refused.operation_id}`)).status).toBe(404)
    }
    // The first of them has found it out, the others need not wait for it.
    expect(performance.now() - beganMs).toBeLessThan(8_000)
    await expectWhole()
    disk.free()
    await expectRecorded(refused)
    await expectWhole()
  })

  it("brings PostgreSQL down where it cannot write its log: what was acknowledged is there when it is back", async () => {
    await expectRecorded(drawBulk())
    disk.fill(0)
    const admin = new pg.Client(postgres.adminUrl)
    admin.on("error", () => undefined)
    await admin.connect()
    // The next record needs a new file, for which there is no space: it may be the one of this statement.
    await Promise.allSettled([admin.query("SELECT pg_switch_wal()")])
    const open = drawBulk()
    const cut = api.adjust(open)
    await waitUntil(async () => !postgres.isRunning(), { what: "PostgreSQL has given up" })
    expect(await readAnn()).toMatchObject({ status: 503, body: { errors: [{ code: "LEDGER_UNAVAILABLE" }] } })
    expect(postgres.logTail()).toContain("No space left on device")
    await Promise.allSettled([admin.end()])
    disk.free()
    await postgres.start()
    const { status } = await cut
    expect([200, 503]).toContain(status)
    await expectRecorded(open)
    await expectWhole()
  })
})
