import { randomUUID } from "node:crypto"
import { sql } from "kysely"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { findFreePort } from "../../../cli/stack/free-port.ts"
import {
  type IdentityProvider,
  openBrowser,
  type ProviderAccount,
  startIdentityProvider,
} from "../../support/identity-provider.ts"
import { seedPerson, testIdentity, trySignIn } from "../../support/people.ts"
import { type Replica, startReplica } from "../../support/start-replica.ts"
import { startTestApi, type TestApi } from "../../support/test-api.ts"

let api: TestApi
let replica: Replica
let provider: IdentityProvider
let callback = ""
beforeAll(async () => {
  api = await startTestApi({ identity: testIdentity })
  const port = await findFreePort()
  callback = `http://127.0.0.1:${port}/api/v1/auth/oidc/callback`
  provider = await startIdentityProvider([callback])
  replica = await startReplica(api, { ...testIdentity, oidc: provider.optionsFor(callback) }, port)
})
afterAll(async () => {
  await replica.stop()
  await provider.stop()
  await api.close()
})

const accountOf = (more: Partial<ProviderAccount> = {}): ProviderAccount => ({
  subject: randomUUID(),
  email: `${randomUUID()}@example.com`,
  isVerified: true,
  ...more,
})

async function invite(email: string, sign_in = "oidc"): Promise<string> {
  const body = { email, sign_in, roles: [{ role: "analyst" }] }
  return (await replica.call("POST", "/api/v1/admin/people", body)).body.data.person_id
}

type Outcome = { readonly status: number; readonly code?: string | undefined; readonly personId?: string }

async function outcomeOf(response: Response): Promise<Outcome & { readonly accessToken?: string }> {
  const body = (await response.json()) as {
    data?: { person_id: string; access_token: string }
    errors?: { code: string }[]
  }
  if (body.data === undefined) return { status: response.status, code: body.errors?.[0]?.code }
  return { status: response.status, personId: body.data.person_id, accessToken: body.data.access_token }
}

const start = () => `${replica.url}/api/v1/auth/oidc/start`

async function come(account: ProviderAccount) {
  provider.signInAs(account)
  const browser = openBrowser()
  const response = await browser.visit(await browser.follow(start(), callback))
  return { ...(await outcomeOf(response)), response }
}

const refused = { status: 403, code: "FORBIDDEN" }
const failed = { status: 401, code: "SIGN_IN_FAILED" }

describe("somebody whom the identity provider vouches for", () => {
  it("is the person that was invited by this address, and stays so when the address changes", async () => {
    const ann = accountOf()
    const personId = await invite(ann.email.toUpperCase())
    const first = await come(ann)
    expect(first).toMatchObject({ status: 200, personId })
    expect(first.response.headers.get("cache-control")).toBe("no-store")
    const me = await replica.call("GET", "/api/v1/auth/me", undefined, {
      authorization: `Bearer ${first.accessToken}`,
    })
    expect(me.body.data).toMatchObject({ email: ann.email, linkable_until: null, has_password: false })
    expect(me.body.data.identity_providers).toEqual([provider.optionsFor(callback).issuer])
    expect(await come({ ...ann, email: "new@example.com", isVerified: false })).toMatchObject({ personId })
    // Whoever has the address now is somebody else.
    expect(await come(accountOf({ email: ann.email }))).toMatchObject(refused)
    const { rows } = await sql<{ action: string }>`
      SELECT action FROM registry.audit_log WHERE actor = ${`person:${personId}`} ORDER BY entry_id`.execute(
      api.db,
    )
    expect(rows.map(({ action }) => action)).toEqual([
      "person.identity_linked",
      "session.began",
      "session.began",
    ])
  })

  it("is nobody without an invitation, with an address that is not verified, or an invitation of another kind", async () => {
    expect(await come(accountOf())).toMatchObject(refused)
    const unverified = accountOf({ isVerified: false })
    await invite(unverified.email)
    expect(await come(unverified)).toMatchObject(refused)
    const byPassword = accountOf()
    await invite(byPassword.email, "password")
    expect(await come(byPassword)).toMatchObject(refused)
    const { email } = await seedPerson(api, [{ role: "admin", appId: null }])
    expect(await come(accountOf({ email }))).toMatchObject(refused)
  })

  it("comes too late when the invitation is over, and is let in by a new one", async () => {
    const late = accountOf()
    const personId = await invite(late.email)
    await sql`UPDATE registry.people SET linkable_until = now() WHERE person_id = ${personId}`.execute(api.db)
    expect(await come(late)).toMatchObject(refused)
    await replica.call("POST", `/api/v1/admin/people/${personId}/invite`, { sign_in: "oidc" })
    expect(await come(late)).toMatchObject({ status: 200, personId })
  })

  it("uses up the invitation that he gets anew: nobody else with his address comes after him", async () => {
    const ann = accountOf()
    const personId = await invite(ann.email ?? "")
    expect(await come(ann)).toMatchObject({ status: 200, personId })
    await replica.call("POST", `/api/v1/admin/people/${personId}/invite`, { sign_in: "oidc" })
    expect(await come(ann)).toMatchObject({ status: 200, personId })
    expect(await come(accountOf({ email: ann.email }))).toMatchObject({ status: 403 })
    expect(await come(ann)).toMatchObject({ status: 200, personId })
  })

  it("chooses a password in the place of an initial one, and it is his", async () => {
    const ann = accountOf()
    const personId = await invite(ann.email ?? "")
    await come(ann)
    const invited = await replica.call("POST", `/api/v1/admin/people/${personId}/invite`, {})
    const { accessToken } = await come(ann)
    const change = {
      current_password: invited.body.data.initial_password,
      new_password: "my very own password",
    }
    const headers = { authorization: `Bearer ${accessToken}` }
    expect((await replica.call("POST", "/api/v1/auth/password", change, headers)).status).toBe(200)
    const login = { email: ann.email, password: "my very own password" }
    expect((await trySignIn(api, login)).status).toBe(200)
  })

  it("is let in no more when the person is disabled", async () => {
    const ann = accountOf()
    const personId = await invite(ann.email)
    expect(await come(ann)).toMatchObject({ status: 200 })
    await replica.call("POST", `/api/v1/admin/people/${personId}/disable`)
    expect(await come(ann)).toMatchObject(refused)
  })
})

describe("the way to the identity provider and back", () => {
  it("carries a challenge, a state and a nonce, and a cookie that scripts do not see", async () => {
    const response = await fetch(start(), { redirect: "manual" })
    expect(response.status).toBe(302)
    const { searchParams } = new URL(response.headers.get("location") ?? "")
    expect(Object.fromEntries(searchParams)).toMatchObject({
      response_type: "code",
      code_challenge_method: "S256",
      redirect_uri: callback,
      scope: "openid email",
    })
    for (const name of ["state", "nonce", "code_challenge"])
      expect(searchParams.get(name)).toMatch(/^[\w-]{43}$/)
    const cookie = response.headers.get("set-cookie") ?? ""
    expect(cookie).toMatch(/; Path=\/api\/v1\/auth\/oidc\/callback; Max-Age=600; HttpOnly; SameSite=Lax$/)
    expect(cookie).not.toContain(searchParams.get("state") ?? "")
  })

  it("ends nowhere without the cookie, with that of another sign-in, with another state, or twice", async () => {
    const ann = accountOf()
    await invite(ann.email)
    provider.signInAs(ann)
    const browser = openBrowser()
    const address = await browser.follow(start(), callback)
    const mallory = openBrowser()
    const others = await mallory.follow(start(), callback)
    const visit = async (who: typeof browser, url: string) => outcomeOf(await who.visit(url))
    expect(await outcomeOf(await fetch(address))).toEqual(failed)
    // Somebody who is to sign in as another one without noticing.
    const ticket = new Map(browser.cookies)
    expect(await visit(browser, others)).toEqual(failed)
    for (const [name, pair] of ticket) browser.cookies.set(name, pair)
    expect(await visit(browser, address.replace(/state=[^&]*/, "state=x"))).toEqual(failed)
    for (const [name, pair] of ticket) browser.cookies.set(name, pair)
    expect(await visit(browser, address)).toMatchObject({ status: 200 })
    for (const [name, pair] of ticket) browser.cookies.set(name, pair)
    expect(await visit(browser, address)).toEqual(failed)
  })

  it("says so where the provider refuses, is not there, or is not configured", async () => {
    const denied = openBrowser()
    const first = await denied.follow(start(), provider.optionsFor(callback).issuer)
    const state = new URL(first).searchParams.get("state") ?? ""
    const refusal = await denied.visit(`${callback}?error=access_denied&state=${state}`)
    expect(await outcomeOf(refusal)).toEqual(failed)
    const nowhere = { ...provider.optionsFor(callback), issuer: "http://127.0.0.1:1" }
    const lost = await startReplica(api, { ...testIdentity, oidc: nowhere })
    const unreachable = await lost.call("GET", "/api/v1/auth/oidc/start")
    expect([unreachable.status, unreachable.body.errors?.[0]?.code]).toEqual([503, "PROVIDER_UNAVAILABLE"])
    await lost.stop()
    for (const step of ["start", "callback"]) {
      const reply = await api.call("GET", `/api/v1/auth/oidc/${step}`)
      expect([reply.status, reply.body.errors?.[0]?.code]).toEqual([503, "SIGN_IN_UNAVAILABLE"])
    }
  })
})
