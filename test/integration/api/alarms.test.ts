import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type AlarmKind, raiseAlarm } from "../../../ledger/store/alarms.ts"
import { seedApp, seedKey } from "../../support/seed-registry.ts"
import { startTestApi, type TestApi } from "../../support/test-api.ts"

let api: TestApi
let otherLedgerId = ""
beforeAll(async () => {
  api = await startTestApi()
  otherLedgerId = (await seedApp(api.db)).app.ledgerId
})
afterAll(() => api?.close())

const raise = (kind: AlarmKind, subject: string, ledgerId: string | null = api.app.ledgerId) =>
  raiseAlarm(api.db, { kind, subject, ledgerId, message: `${kind} of ${subject}` })
const list = async (query = "") => (await api.call("GET", `/api/v1/alarms${query}`)).body.data
const idOf = async (subject: string): Promise<string> =>
  (await list("?limit=500")).alarms.find((alarm: { subject: string }) => alarm.subject === subject).alarm_id
const clear = (id: string, body: unknown = { reason: "looked into" }, headers?: Record<string, string>) =>
  api.call("POST", `/api/v1/alarms/${id}/clear`, body, headers)

describe("the list", () => {
  it("shows the app's alarms and those of everybody, page by page, and no other app's", async () => {
    await raise("settled_twice", "own-1")
    await raise("unknown_batch", "all-1", null)
    await raise("settled_twice", "theirs-1", otherLedgerId)
    await raise("lane_behind", "own-2")
    const first = await list("?limit=2")
    const second = await list(`?limit=2&cursor=${first.pagination.next_cursor}`)
    expect([...first.alarms, ...second.alarms]).toMatchObject([
      { subject: "own-2", kind: "lane_behind", is_for_all: false, goes_by_itself: true, cleared_at: null },
      { subject: "all-1", is_for_all: true, goes_by_itself: false },
      { subject: "own-1", message: "settled_twice of own-1" },
    ])
    expect(second.pagination.has_more).toBe(false)
  })
})

describe("an alarm", () => {
  it("is cleared by somebody who has looked, once, and can be raised again", async () => {
    await raise("settled_twice", "again")
    const id = await idOf("again")
    const first = await clear(id)
    expect(first.body.data).toMatchObject({ alarm_id: id, was_cleared: false })
    expect((await clear(id)).body.data).toEqual({ ...first.body.data, was_cleared: true })
    expect((await list("?status=cleared")).alarms[0]).toMatchObject({ alarm_id: id })
    const { entries } = (await api.call("GET", "/api/v1/admin/audit-log?action=alarm.cleared")).body.data
    expect(entries[0]).toMatchObject({ subject: id, after: { reason: "looked into" } })
    await raise("settled_twice", "again")
    expect(await idOf("again")).not.toBe(id)
  })

  it("that tells of a lasting state is not cleared", async () => {
    await raise("signer_balance", "no-coins")
    const { status, body } = await clear(await idOf("no-coins"))
    expect([status, body.errors?.[0]?.code]).toEqual([409, "ALARM_HAS_CAUSE"])
    expect((await list("?status=open")).alarms.map((alarm: { subject: string }) => alarm.subject)).toContain(
      "no-coins",
    )
  })

  it("of everybody is cleared by nobody who may act in one app only", async () => {
    await raise("foreign_transaction", "signer", null)
    const id = await idOf("signer")
    const headers = { authorization: `Bearer ${await seedKey(api.db, api.app)}` }
    expect((await clear(id, { reason: "ours" }, headers)).body.errors?.[0]?.code).toBe("FORBIDDEN")
    expect((await clear(id)).status).toBe(200)
  })

  it("that is none, or another app's, is unknown", async () => {
    await raise("settled_twice", "theirs-2", otherLedgerId)
    const theirs = await api.db
      .selectFrom("registry.alarms")
      .select("alarm_id")
      .where("subject", "=", "theirs-2")
      .executeTakeFirstOrThrow()
    for (const id of ["x", "0193c5e0-0000-7000-8000-000000000000", theirs.alarm_id])
      expect((await clear(id)).body.errors?.[0]?.code).toBe("UNKNOWN_ALARM")
    const nameless = await clear(theirs.alarm_id, {})
    expect([nameless.status, nameless.body.errors?.[0]?.field]).toEqual([422, "reason"])
  })
})
