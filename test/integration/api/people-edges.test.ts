import { randomUUID } from "node:crypto"
import { sql } from "kysely"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { createPasswords } from "../../../api/identity/passwords.ts"
import { createAddressList } from "../../../platform/address-list.ts"
import { readEventStream } from "../../support/event-stream-reader.ts"
import { openLiveSocket } from "../../support/live-socket-client.ts"
import { seedPerson, signIn, type TestPerson, testIdentity, trySignIn } from "../../support/people.ts"
import { seedApp } from "../../support/seed-registry.ts"
import { startTestApi, type TestApi } from "../../support/test-api.ts"

let api: TestApi
beforeAll(async () => {
  const trustedProxies = createAddressList(["127.0.0.1"])
  api = await startTestApi({ identity: { ...testIdentity, trustedProxies }, limits: { heartbeatMs: 200 } })
})
afterAll(() => api?.close())

const from = (address: string) => ({ "x-forwarded-for": address })
const analyst = (appId: string | null) => [{ role: "analyst", appId }] as const
const enter = async ({ email, password }: TestPerson, headers = {}) =>
  (await trySignIn(api, { email, password }, headers)).status
const attempts = async () => {
  const { rows } = await sql<{ count: number }>`SELECT count(*)::int FROM registry.sign_in_attempts`.execute(
    api.db,
  )
  return rows[0]?.count
}

describe("a person who is moved from one app to another", () => {
  it("reads nothing more of the first one, by no stream and by no socket that was open", async () => {
    const [before, after] = [await seedApp(api.db), await seedApp(api.db)]
    const ann = await seedPerson(api, analyst(before.app.appId))
    const session = await signIn(api, ann)
    const stream = await readEventStream(`${api.server.url}/api/v1/stream`, { apiKey: session.access_token })
    const socket = await openLiveSocket(api.server.url, { apiKey: session.access_token })
    const roles = { roles: [{ role: "analyst", app_id: after.app.appId }] }
    expect((await api.call("POST", `/api/v1/admin/people/${ann.personId}/roles`, roles)).status).toBe(200)
    // Before any heartbeat, too.
    socket.send({ type: "subscribe", id: "s", after: "0" })
    await stream.ended
    await socket.closed
    const change = { user_id: "bob", token_symbol: "CPOP", amount: "+5", reason_type: "reward" }
    await api.adjust({ adjustments: [change] }, { authorization: `Bearer ${before.apiKey}` })
    expect(stream.events).toEqual([])
    expect(socket.messages).toEqual([])
  })
})

describe("an attempt that comes too early", () => {
  it("from an address that is held up, counts against no account and leaves no trace", async () => {
    const ann = await seedPerson(api, analyst(null))
    const address = "203.0.113.9"
    for (let failed = 0; failed < 31; failed += 1)
      await trySignIn(api, { email: `${randomUUID()}@example.com`, password: "x" }, from(address))
    await sql`UPDATE registry.sign_in_attempts SET blocked_until = now() + interval '15 minutes' WHERE failures > 25`.execute(
      api.db,
    )
    const before = await attempts()
    for (const email of [ann.email, ann.email, ann.email, ann.email, ann.email, ann.email, "x@example.com"])
      expect((await trySignIn(api, { email, password: "x" }, from(address))).status).toBe(429)
    expect(await attempts()).toBe(before)
    expect(await enter(ann, from("198.51.100.1"))).toBe(200)
  })

  it("for an account that is held up, counts against no address", async () => {
    const [ann, bob] = [await seedPerson(api, analyst(null)), await seedPerson(api, analyst(null))]
    for (let host = 10; host < 19; host += 1)
      await trySignIn(api, { email: ann.email, password: "x" }, from(`198.51.100.${host}`))
    await sql`UPDATE registry.sign_in_attempts SET blocked_until = now() + interval '15 minutes' WHERE failures = 5`.execute(
      api.db,
    )
    for (let tried = 0; tried < 40; tried += 1) expect(await enter(ann, from("203.0.113.77"))).toBe(429)
    expect(await enter(bob, from("203.0.113.77"))).toBe(200)
  })
})

describe("a right password", () => {
  it("is no failure where the new one is too weak", async () => {
    const ann = await seedPerson(api, analyst(null))
    const { headers } = await signIn(api, ann)
    const change = (password: string) =>
      api.call(
        "POST",
        "/api/v1/auth/password",
        { current_password: ann.password, new_password: password },
        headers,
      )
    for (let tried = 0; tried < 7; tried += 1) expect((await change("aaaaaaaaaaaaaa")).status).toBe(422)
    expect((await change(ann.password)).body.errors).toMatchObject([{ field: "new_password" }])
    expect(await enter(ann)).toBe(200)
  })

  it("lets two in at once whose hash is renewed", async () => {
    const ann = await seedPerson(api, analyst(null))
    const hash = await createPasswords({ memoryKib: 8_192, passes: 1 }).hash(ann.password)
    await sql`UPDATE registry.people SET password_hash = ${hash} WHERE person_id = ${ann.personId}`.execute(
      api.db,
    )
    expect(await Promise.all([enter(ann), enter(ann)])).toEqual([200, 200])
  })
})

describe("the last admin", () => {
  it("is not let out by the identity provider where there is none", async () => {
    const admin = await seedPerson(api, [{ role: "admin", appId: null }])
    const { headers } = await signIn(api, admin)
    const path = `/api/v1/admin/people/${admin.personId}/invite`
    const invited = await api.call("POST", path, { sign_in: "oidc" }, headers)
    expect(invited.body).toMatchObject({ code: 503, errors: [{ code: "SIGN_IN_UNAVAILABLE" }] })
    const made = { email: "x@example.com", roles: [], sign_in: "oidc" }
    expect((await api.call("POST", "/api/v1/admin/people", made, headers)).status).toBe(503)
    expect(await enter(admin)).toBe(200)
  })

  it("is who is left beside one whose invitation has run out", async () => {
    await sql`UPDATE registry.people SET disabled_at = now()`.execute(api.db)
    const admin = await seedPerson(api, [{ role: "admin", appId: null }])
    const { headers } = await signIn(api, admin)
    const never = { email: "never@example.com", roles: [{ role: "admin" }] }
    expect((await api.call("POST", "/api/v1/admin/people", never, headers)).status).toBe(200)
    await sql`UPDATE registry.people SET password_expires_at = now() - interval '1 day' WHERE email = ${never.email}`.execute(
      api.db,
    )
    const disabled = await api.call(
      "POST",
      `/api/v1/admin/people/${admin.personId}/disable`,
      undefined,
      headers,
    )
    expect(disabled.body.errors).toMatchObject([{ code: "LAST_ADMIN" }])
  })
})

describe("a key", () => {
  const make = (body: object) => api.call("POST", "/api/v1/admin/keys", { scopes: ["ledger:read"], ...body })
  const use = async (key: string, address: string) =>
    (
      await api.call("GET", "/api/v1/reasons", undefined, {
        authorization: `Bearer ${key}`,
        ...from(address),
      })
    ).status

  it("is let in from its address also where the proxy writes the port, and from nowhere else", async () => {
    const own = (await make({ allowed_from: ["203.0.113.9"] })).body.data.api_key
    const ofProxy = (await make({ allowed_from: ["127.0.0.1"] })).body.data.api_key
    for (const address of ["203.0.113.9:5555", "203.0.113.9", "[::ffff:203.0.113.9]:80"])
      expect([address, await use(own, address), await use(ofProxy, address)]).toEqual([address, 200, 403])
    expect([await use(own, "unknown"), await use(ofProxy, "unknown")]).toEqual([403, 403])
  })

  it("cannot end after the last year, and is let in from IPv4 addresses that are written as IPv6", async () => {
    const late = await make({ expires_at: "9999-12-31T23:59:59-23:59" })
    expect(late.body.errors).toMatchObject([{ field: "expires_at", code: "INVALID_FIELD" }])
    const mapped = (await make({ allowed_from: ["::ffff:203.0.113.0/120"] })).body.data.api_key
    expect([await use(mapped, "203.0.113.7"), await use(mapped, "203.0.114.7")]).toEqual([200, 403])
  })

  it("that takes another one's place is in the audit log with its end", async () => {
    const made = (await make({ expires_at: "2090-01-01T00:00:00Z" })).body.data
    const end = { expires_at: "2099-01-01T00:00:00Z", overlap_seconds: 0 }
    await api.call("POST", `/api/v1/admin/keys/${made.key_id}/rotate`, end)
    const { entries } = (await api.call("GET", "/api/v1/admin/audit-log?action=key.rotated")).body.data
    expect(entries[0].after).toMatchObject({ replacement: { expires_at: "2099-01-01T00:00:00.000Z" } })
  })
})

it("the audit log can be asked for what was done at the database", async () => {
  const owner = api.openAsOwner()
  await sql`UPDATE registry.reasons SET description = 'by hand' WHERE reason_type = 'reward'`.execute(owner)
  await owner.destroy()
  const { entries } = (await api.call("GET", "/api/v1/admin/audit-log?action=reason.changed")).body.data
  const actor = encodeURIComponent(entries[0].actor)
  expect(entries[0].actor).toMatch(/^database:/)
  const found = await api.call("GET", `/api/v1/admin/audit-log?actor=${actor}`)
  expect(found.body.data.entries).toHaveLength(1)
})
