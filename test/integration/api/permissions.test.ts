import { sql } from "kysely"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { hashApiKey } from "../../../api/identity/api-key.ts"
import { addressPattern } from "../../../api/mount-route.ts"
import { type Permission, permissionTable, type Role, roles } from "../../../api/permissions.ts"
import type { Route } from "../../../api/route.ts"
import { routes } from "../../../api/routes.ts"
import { type Scope, scopes } from "../../../api/scopes.ts"
import { seedPerson, signIn, testIdentity } from "../../support/people.ts"
import { seedApp, seedKey } from "../../support/seed-registry.ts"
import { startTestApi, type TestApi } from "../../support/test-api.ts"

/** What a request may come to before its contents are looked at. */
type Verdict = "let in" | "UNAUTHENTICATED" | "FORBIDDEN" | "APP_REQUIRED"
type Headers = Record<string, string>

let api: TestApi
const keys = new Map<string, string>()
const people = new Map<string, string>()
let otherAppId = ""

beforeAll(async () => {
  api = await startTestApi({ identity: testIdentity })
  keys.set("every scope of the installation", api.apiKey)
  keys.set("every scope", await seedKey(api.db, api.app))
  for (const scope of scopes) keys.set(scope, await seedKey(api.db, api.app, [scope]))
  const other = await seedApp(api.db)
  otherAppId = other.app.appId
  keys.set("another app's", other.apiKey)
  for (const [name, change] of [
    ["expired", sql`expires_at = now() - interval '1 second'`],
    ["revoked", sql`revoked_at = now()`],
    ["from elsewhere", sql`allowed_from = ARRAY['203.0.113.0/24'::cidr]`],
    ["from here", sql`allowed_from = ARRAY['127.0.0.0/8'::cidr]`],
  ] as const) {
    const key = await seedKey(api.db, api.app)
    await sql`UPDATE registry.api_keys SET ${change} WHERE key_hash = ${hashApiKey(key)}`.execute(api.db)
    keys.set(name, key)
  }
  const grantsOf = (role: Role) =>
    ({
      [`${role} of all apps`]: [{ role, appId: null }],
      [`${role} of the app`]: [{ role, appId: api.app.appId }],
      [`${role} of another app`]: [{ role, appId: otherAppId }],
    }) as const
  for (const role of roles)
    for (const [name, grants] of Object.entries(grantsOf(role))) await admit(name, grants)
  await admit("nobody in particular", [])
  await admit("analyst of both apps", [
    { role: "analyst", appId: api.app.appId },
    { role: "analyst", appId: otherAppId },
  ])
})
afterAll(() => api.close())

async function admit(name: string, grants: readonly { role: Role; appId: string | null }[]): Promise<void> {
  people.set(name, (await signIn(api, await seedPerson(api, grants))).access_token)
}

const uuid = "0193c5e0-0000-7000-8000-000000000000"

/** As little as an address needs; whatever else is missing is found after the caller was let in. */
async function verdictOn(route: Route, headers: Headers): Promise<Verdict> {
  const path = addressPattern(route)
    .replace(/:(key_id|person_id|import_id)/g, uuid)
    .replace(/:\w+/g, "1")
  const response = await fetch(`${api.server.url}${path}`, {
    method: route.method.toUpperCase(),
    headers,
    redirect: "manual",
  })
  if (response.status < 400) {
    // Some answers never end.
    await response.body?.cancel()
    return "let in"
  }
  const code = (JSON.parse(await response.text()) as { errors?: { code: string }[] }).errors?.[0]?.code
  if (code === "UNAUTHENTICATED" || code === "FORBIDDEN" || code === "APP_REQUIRED") return code
  return "let in"
}

const keyOf = (name: string): Headers => ({ authorization: `Bearer ${keys.get(name)}` })
const personOf = (name: string, appId?: string): Headers => ({
  authorization: `Bearer ${people.get(name)}`,
  ...(appId === undefined ? {} : { "x-app-id": appId }),
})

const entryOf = ({ permission }: Route) => permissionTable[permission]
const forKeys = (route: Route, granted: readonly Scope[], isOfInstallation = false): Verdict => {
  const { to, scopes: asked, isForAll } = entryOf(route)
  if (to === "anybody") return "let in"
  const isMet = asked.some((scope) => granted.includes(scope))
  return isMet && (isForAll !== true || isOfInstallation) ? "let in" : "FORBIDDEN"
}
const isToApp = (route: Route) => ["caller", "anybody or caller"].includes(entryOf(route).to)

const withKeys: [string, (route: Route) => Verdict][] = [
  ["every scope of the installation", (route) => forKeys(route, scopes, true)],
  ["every scope", (route) => forKeys(route, scopes)],
  ...scopes.map((scope): [string, (route: Route) => Verdict] => [scope, (route) => forKeys(route, [scope])]),
  ["another app's", (route) => forKeys(route, scopes)],
  ["expired", (route) => (entryOf(route).to === "anybody" ? "let in" : "UNAUTHENTICATED")],
  ["revoked", (route) => (entryOf(route).to === "anybody" ? "let in" : "UNAUTHENTICATED")],
  ["from elsewhere", (route) => (entryOf(route).to === "anybody" ? "let in" : "FORBIDDEN")],
  ["from here", (route) => forKeys(route, scopes)],
]

function forRole(route: Route, role: Role, where: "all apps" | "the app" | "another app"): Verdict {
  const { to, roles: asked, isForAll, isOwn } = entryOf(route)
  if (to === "anybody" || isOwn === true) return "let in"
  if (!asked.includes(role)) return "FORBIDDEN"
  if (isForAll === true) return where === "all apps" ? "let in" : "FORBIDDEN"
  return isToApp(route) && where === "another app" ? "FORBIDDEN" : "let in"
}

/** Where one walk is over, the next one may go: a sign-out ends what a later route needs. */
const endsItself = new Set(["/auth/logout", "/auth/logout-all"])
const walked = routes.filter(({ path }) => !endsItself.has(path))

/** One line for each route that does otherwise than the table says. */
async function walk(headers: Headers, expected: (route: Route) => Verdict): Promise<string[]> {
  const wrong: string[] = []
  for (const route of walked) {
    const verdict = await verdictOn(route, headers)
    if (verdict !== expected(route))
      wrong.push(`${route.method} ${route.path}: ${verdict}, not ${expected(route)}`)
  }
  return wrong
}

describe("every route does what the table of permissions says", () => {
  it("to somebody without a key", async () =>
    expect(
      await walk({}, (route) => (entryOf(route).to.startsWith("anybody") ? "let in" : "UNAUTHENTICATED")),
    ).toEqual([]))

  it("to a key that there is not", async () => {
    const expected = (route: Route): Verdict =>
      entryOf(route).to === "anybody" ? "let in" : "UNAUTHENTICATED"
    expect(await walk({ authorization: "Bearer cb_nobodys" }, expected)).toEqual([])
    expect(await walk({ authorization: "Bearer some.nobodys.token" }, expected)).toEqual([])
  })

  it.each(withKeys)("to a key: %s", async (name, expected) =>
    expect(await walk(keyOf(name), expected)).toEqual([]),
  )

  for (const role of roles) {
    it(`to an ${role} of all apps, of the app, of another app`, async () => {
      const { appId } = api.app
      for (const where of ["all apps", "the app", "another app"] as const) {
        const headers = personOf(`${role} of ${where}`, appId)
        expect([where, await walk(headers, (route) => forRole(route, role, where))]).toEqual([where, []])
      }
    })
  }

  it("to somebody who has signed in and is nothing", async () =>
    expect(
      await walk(personOf("nobody in particular"), (route) =>
        entryOf(route).to === "anybody" || entryOf(route).isOwn === true ? "let in" : "FORBIDDEN",
      ),
    ).toEqual([]))

  it("to somebody with several apps, who has to say which", async () => {
    const expected = (route: Route): Verdict =>
      isToApp(route) ? "APP_REQUIRED" : forRole(route, "analyst", "the app")
    expect(await walk(personOf("analyst of both apps"), expected)).toEqual([])
    const named = personOf("analyst of both apps", otherAppId)
    expect(await walk(named, (route) => forRole(route, "analyst", "the app"))).toEqual([])
  })

  it("and signing out, which ends what the others need, is for whoever has signed in", async () => {
    for (const route of routes.filter(({ path }) => endsItself.has(path))) {
      expect(await verdictOn(route, {})).toBe("UNAUTHENTICATED")
      expect(await verdictOn(route, keyOf("every scope of the installation"))).toBe("FORBIDDEN")
      await admit("somebody", [])
      expect(await verdictOn(route, personOf("somebody"))).toBe("let in")
      expect(await verdictOn(route, personOf("somebody"))).toBe("UNAUTHENTICATED")
    }
  })
})

describe("the table", () => {
  const named = Object.keys(permissionTable) as Permission[]

  it("has no permission that no route asks for", () =>
    expect(named.filter((name) => !routes.some(({ permission }) => permission === name))).toEqual([]))

  it("lets an auditor change nothing, and an analyst read what is shown", () => {
    const changing = routes.filter(({ method, permission }) => method !== "get" && permission !== "public")
    const of = (role: Role) =>
      changing.filter((route) => entryOf(route).roles.includes(role)).map(({ path }) => path)
    expect([of("auditor"), of("analyst")]).toEqual([[], []])
  })

  it("shows an auditor everything", () => {
    const reads = routes.filter(({ method, permission }) => method === "get" && permission !== "public")
    expect(
      reads.filter((route) => entryOf(route).isOwn !== true && !entryOf(route).roles.includes("auditor")),
    ).toEqual([])
  })

  it("opens to anybody only what has to be open", () =>
    expect(routes.filter(({ permission }) => permission === "public").map(({ path }) => path)).toEqual([
      "/auth/login",
      "/auth/refresh",
      "/auth/oidc/start",
      "/auth/oidc/callback",
      "/livez",
      "/readyz",
    ]))
})
