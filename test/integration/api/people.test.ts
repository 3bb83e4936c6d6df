import { randomUUID } from "node:crypto"
import { sql } from "kysely"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { Grant } from "../../../api/identity/person-store.ts"
import { type SignedIn, seedPerson, signIn, testIdentity, trySignIn } from "../../support/people.ts"
import { seedApp } from "../../support/seed-registry.ts"
import { type ApiReply, startTestApi, type TestApi } from "../../support/test-api.ts"

let api: TestApi
let admin: SignedIn
let shop: string
let other: Awaited<ReturnType<typeof seedApp>>
beforeAll(async () => {
  api = await startTestApi({ identity: testIdentity })
  admin = await signIn(api, await seedPerson(api, [{ role: "admin", appId: null }]))
  shop = api.app.appId
  other = await seedApp(api.db)
  await api.fund("ann", "5")
})
afterAll(() => api.close())

const codeOf = (reply: ApiReply) => reply.body.errors?.[0]?.code ?? reply.status
const manage = (path: string, body?: object) =>
  api.call("POST", `/api/v1/admin/people${path}`, body, admin.headers)
const invite = (body: object) => manage("", { email: `${randomUUID()}@example.com`, roles: [], ...body })
const enter = async (grants: readonly Grant[]) => {
  const person = await seedPerson(api, grants)
  return { ...person, headers: (await signIn(api, person)).headers }
}
const get = (path: string, headers: Record<string, string>) =>
  api.call("GET", `/api/v1${path}`, undefined, headers)

describe("an invited person", () => {
  it("exchanges the initial password, and is then what the invitation says", async () => {
    const made = (await invite({ name: "Bob", roles: [{ role: "auditor", app_id: shop }] })).body.data
    expect(made).toMatchObject({
      name: "Bob",
      roles: [{ role: "auditor", app_id: shop }],
      has_password: true,
    })
    const bob = { email: made.email, password: made.initial_password }
    expect(codeOf(await trySignIn(api, bob))).toBe("PASSWORD_CHANGE_REQUIRED")
    const weak = await trySignIn(api, { ...bob, new_password: `12${made.email}` })
    expect(codeOf(weak)).toBe("INVALID_FIELD")
    const { body } = await trySignIn(api, { ...bob, new_password: "a password of my own" })
    const headers = { authorization: `Bearer ${body.data.access_token}` }
    expect((await get("/balance/ann", headers)).status).toBe(200)
    expect((await get("/auth/me", headers)).body.data).toMatchObject({ initial_password_until: null })
  })

  it("cannot exchange it when its time is over", async () => {
    const made = (await invite({})).body.data
    await sql`UPDATE registry.people SET password_expires_at = now() WHERE person_id = ${made.person_id}`.execute(
      api.db,
    )
    const late = { email: made.email, password: made.initial_password, new_password: "a password of my own" }
    expect(codeOf(await trySignIn(api, late))).toBe("FORBIDDEN")
    const again = (await manage(`/${made.person_id}/invite`)).body.data
    expect((await trySignIn(api, { ...late, password: again.initial_password })).status).toBe(200)
  })

  it("is refused where it makes no sense", async () => {
    const made = (await invite({})).body.data
    expect(codeOf(await invite({ email: made.email.toUpperCase() }))).toBe("PERSON_EXISTS")
    expect(codeOf(await invite({ roles: [{ role: "admin", app_id: randomUUID() }] }))).toBe("UNKNOWN_APP")
    expect(codeOf(await invite({ roles: [{ role: "owner" }] }))).toBe("INVALID_FIELD")
    expect(codeOf(await invite({ email: "ann" }))).toBe("INVALID_FIELD")
    for (const what of ["roles", "disable", "enable", "invite"])
      expect(
        codeOf(await manage(`/${randomUUID()}/${what}`, what === "roles" ? { roles: [] } : undefined)),
      ).toBe("UNKNOWN_PERSON")
  })
})

describe("what a person is", () => {
  it("changes at once, in sessions that are under way", async () => {
    const { personId, headers } = await enter([{ role: "analyst", appId: null }])
    const flush = async () =>
      codeOf(await api.call("POST", "/api/v1/batches/flush", {}, { ...headers, "x-app-id": shop }))
    expect(await flush()).toBe("FORBIDDEN")
    await manage(`/${personId}/roles`, { roles: [{ role: "operator", app_id: shop }] })
    expect(await flush()).toBe(202)
    await manage(`/${personId}/roles`, { roles: [] })
    expect(await flush()).toBe("FORBIDDEN")
  })

  it("is nothing any more when it is disabled, and the password does not help", async () => {
    const person = await enter([{ role: "admin", appId: shop }])
    const { email, password } = person
    expect((await get("/balance/ann", person.headers)).status).toBe(200)
    await manage(`/${person.personId}/disable`)
    expect(codeOf(await get("/balance/ann", person.headers))).toBe("UNAUTHENTICATED")
    expect(codeOf(await trySignIn(api, { email, password }))).toBe("INVALID_CREDENTIALS")
    await manage(`/${person.personId}/enable`)
    expect(codeOf(await get("/balance/ann", person.headers))).toBe("UNAUTHENTICATED")
    expect((await trySignIn(api, { email, password })).status).toBe(200)
  })

  it("does not reach beyond the apps that it is granted in", async () => {
    const { headers } = await enter([{ role: "admin", appId: other.app.appId }])
    expect((await get("/balance/ann", headers)).status).toBe(404)
    expect(codeOf(await get("/balance/ann", { ...headers, "x-app-id": shop }))).toBe("FORBIDDEN")
    const { apps } = (await get("/admin/apps", headers)).body.data
    expect(apps.map(({ app_id }: { app_id: string }) => app_id)).toEqual([other.app.appId])
    const { keys } = (await get("/admin/keys", headers)).body.data
    expect(keys).toHaveLength(1)
    expect((await get("/admin/audit-log", headers)).body.data.entries).toEqual([])
    expect(codeOf(await get("/admin/people", headers))).toBe("FORBIDDEN")
    expect(codeOf(await api.call("POST", "/api/v1/admin/apps", { name: "x" }, headers))).toBe("FORBIDDEN")
  })

  it("is one thing in one app and another in another", async () => {
    const { headers } = await enter([
      { role: "operator", appId: shop },
      { role: "analyst", appId: other.app.appId },
    ])
    const pause = async (app: string) => {
      const body = { token_symbol: "GOLD", chain_id: 31_338, reason: "an inspection" }
      return codeOf(await api.call("POST", "/api/v1/batches/pause", body, { ...headers, "x-app-id": app }))
    }
    expect([await pause(shop), await pause(other.app.appId)]).toEqual([200, "FORBIDDEN"])
    const { lanes } = (await get("/system/health", { authorization: `Bearer ${other.apiKey}` })).body.data
    expect(lanes.filter((lane: { is_paused: boolean }) => lane.is_paused)).toEqual([])
  })
})

describe("the app that a person means", () => {
  it("is the only one there is, or has to be named", async () => {
    const one = await enter([{ role: "analyst", appId: shop }])
    expect((await get("/balance/ann", one.headers)).status).toBe(200)
    expect(codeOf(await get("/balance/ann", admin.headers))).toBe("APP_REQUIRED")
    expect((await get("/balance/ann", { ...admin.headers, "x-app-id": shop })).status).toBe(200)
    expect((await get("/balance/ann", { ...admin.headers, "x-app-id": other.app.appId })).status).toBe(404)
    expect(codeOf(await get("/balance/ann", { ...admin.headers, "x-app-id": randomUUID() }))).toBe(
      "FORBIDDEN",
    )
    expect(codeOf(await get("/balance/ann", { ...admin.headers, "x-app-id": "shop" }))).toBe(
      "INVALID_PARAMETER",
    )
    const { apps } = (await get("/admin/apps?limit=1", admin.headers)).body.data
    expect(apps).toHaveLength(1)
  })

  it("is the one that a key is of, and no other can be named with it", async () => {
    const ask = async (app: string) =>
      codeOf(await get("/balance/ann", { authorization: `Bearer ${api.apiKey}`, "x-app-id": app }))
    expect([await ask(shop), await ask(other.app.appId)]).toEqual([200, "FORBIDDEN"])
    expect(await ask("shop")).toBe("INVALID_PARAMETER")
  })

  it("is told as such where it is no id, also to somebody unknown", async () => {
    expect(codeOf(await get("/health", { authorization: "", "x-app-id": "shop" }))).toBe("INVALID_PARAMETER")
  })
})

it("people are listed page by page, with neither passwords nor hashes", async () => {
  const all: string[] = []
  for (let cursor = ""; ; ) {
    const reply = await get(`/admin/people?limit=3${cursor}`, admin.headers)
    expect(JSON.stringify(reply.body)).not.toMatch(/argon2|initial_password"/)
    all.push(...reply.body.data.people.map(({ person_id }: { person_id: string }) => person_id))
    if (!reply.body.data.pagination.has_more) break
    cursor = `&cursor=${reply.body.data.pagination.next_cursor}`
  }
  const { people } = (await get("/admin/people?limit=500", admin.headers)).body.data
  expect(all).toEqual(people.map(({ person_id }: { person_id: string }) => person_id))
  expect(codeOf(await get("/admin/people?cursor=abc", admin.headers))).toBe("INVALID_CURSOR")
})

it("the database refuses what no person may be", async () => {
  const { personId } = await seedPerson(api, [])
  const change = (assignment: ReturnType<typeof sql>) =>
    sql`UPDATE registry.people SET ${assignment} WHERE person_id = ${personId}`.execute(api.db)
  await expect(change(sql`email = 'Ann@example.com'`)).rejects.toThrow(/check/)
  await expect(change(sql`password_hash = 'plain'`)).rejects.toThrow(/check/)
  await expect(change(sql`password_hash = NULL, password_expires_at = now()`)).rejects.toThrow(/check/)
  await expect(
    sql`INSERT INTO registry.person_roles (person_id, role) VALUES (${personId}, 'owner')`.execute(api.db),
  ).rejects.toThrow(/check/)
  await expect(sql`DELETE FROM registry.people`.execute(api.db)).rejects.toThrow(/permission denied/)
  const key = sql`UPDATE registry.api_keys SET scopes = ARRAY['everything']`
  await expect(key.execute(api.db)).rejects.toThrow(/check/)
})
