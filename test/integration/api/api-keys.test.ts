import { sql } from "kysely"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { createAddressList } from "../../../platform/address-list.ts"
import { seedApp, seedKey } from "../../support/seed-registry.ts"
import { type ApiReply, startTestApi, type TestApi } from "../../support/test-api.ts"

let api: TestApi
beforeAll(async () => {
  // Whatever comes from this machine came through our proxy.
  api = await startTestApi({ identity: { trustedProxies: createAddressList(["127.0.0.1"]) } })
})
afterAll(() => api.close())

const admin = "/api/v1/admin"
const withKey = (key: string, more: Record<string, string> = {}) => ({
  authorization: `Bearer ${key}`,
  ...more,
})
const codeOf = (reply: ApiReply) => reply.body.errors?.[0]?.code ?? reply.status
const use = async (key: string, headers: Record<string, string> = {}) =>
  codeOf(await api.call("GET", "/api/v1/tokens", undefined, withKey(key, headers)))

async function issue(body: object): Promise<{ key_id: string; api_key: string; expires_at: string | null }> {
  const { body: answer } = await api.call("POST", `${admin}/keys`, { scopes: ["ledger:read"], ...body })
  return answer.data
}

describe("a key", () => {
  it("is issued and shown once, stored as a hash, and works with its scopes alone", async () => {
    const made = await issue({ name: "checkout" })
    expect(made).toMatchObject({ name: "checkout", scopes: ["ledger:read"], status: "active" })
    expect(made).toMatchObject({ is_of_installation: false, expires_at: null, allowed_from: null })
    expect(await use(made.api_key)).toBe(200)
    expect(codeOf(await api.adjust({}, withKey(made.api_key)))).toBe("FORBIDDEN")
    const { rows } = await sql<{
      row: string
    }>`SELECT row_to_json(k)::text AS row FROM registry.api_keys k`.execute(api.db)
    expect(rows.map(({ row }) => row).join()).not.toContain(made.api_key.slice(8))
    const { body } = await api.call("GET", `${admin}/keys`)
    expect(body.data.keys[0]).toMatchObject({ key_id: made.key_id, key_prefix: made.api_key.slice(0, 8) })
    expect(JSON.stringify(body)).not.toContain(made.api_key.slice(8))
  })

  it("is refused from an address that its list does not name", async () => {
    const made = await issue({ allowed_from: ["203.0.113.0/24", "2001:db8::/32"] })
    const from = (address: string) => use(made.api_key, { "x-forwarded-for": address })
    expect(await from("203.0.113.9")).toBe(200)
    expect(await from("2001:db8::9")).toBe(200)
    expect(await from("203.0.114.9")).toBe("FORBIDDEN")
    expect(await use(made.api_key)).toBe("FORBIDDEN")
    // What stands before the address that our proxy wrote, the caller wrote.
    expect(await from("203.0.113.9, 198.51.100.1")).toBe("FORBIDDEN")
    expect(await from("198.51.100.1, 203.0.113.9")).toBe(200)
    expect(await from("203.0.113.9, 127.0.0.1")).toBe(200)
    expect(await from("203.0.113.9, nobody")).toBe("FORBIDDEN")
  })

  it("ends when it was to end", async () => {
    const made = await issue({ expires_at: new Date(Date.now() + 4_000).toISOString() })
    expect(await use(made.api_key)).toBe(200)
    await expect.poll(() => use(made.api_key), { timeout: 20_000, interval: 100 }).toBe("UNAUTHENTICATED")
  })

  it("is rotated: the new one has its scopes and addresses, the old one ends with the overlap", async () => {
    const old = await issue({ name: "shop", allowed_from: ["127.0.0.1"] })
    const rotate = (body?: object) => api.call("POST", `${admin}/keys/${old.key_id}/rotate`, body)
    const { new: next, old: replaced } = (await rotate({ overlap_seconds: 4 })).body.data
    expect(next).toMatchObject({ name: "shop", scopes: ["ledger:read"], allowed_from: ["127.0.0.1/32"] })
    expect(replaced).toMatchObject({ status: "replaced", replaced_by: next.key_id })
    expect([await use(old.api_key), await use(next.api_key)]).toEqual([200, 200])
    expect(codeOf(await rotate())).toBe("KEY_ENDED")
    await expect.poll(() => use(old.api_key), { timeout: 20_000, interval: 200 }).toBe("UNAUTHENTICATED")
    expect(await use(next.api_key)).toBe(200)
  })

  it("keeps the limit of its own through a rotation", async () => {
    const old = await issue({})
    const rate_limit = { requests_per_second: 7, burst: 9 }
    await api.call("PUT", `${admin}/keys/${old.key_id}/rate-limit`, { reason: "it loops", rate_limit })
    const { new: next } = (await api.call("POST", `${admin}/keys/${old.key_id}/rotate`)).body.data
    expect((await api.call("GET", `${admin}/keys/${next.key_id}/rate-limit`)).body.data).toMatchObject({
      rate_limit,
      version: 1,
    })
  })

  it("is never made to live longer by its rotation", async () => {
    const end = new Date(Date.now() + 60_000).toISOString()
    const old = await issue({ expires_at: end })
    const { old: replaced, new: next } = (await api.call("POST", `${admin}/keys/${old.key_id}/rotate`)).body
      .data
    expect(replaced.expires_at).toBe(end)
    const lifetime = new Date(next.expires_at).getTime() - new Date(next.created_at).getTime()
    expect(Math.abs(lifetime - 60_000)).toBeLessThan(5_000)
  })

  it("is revoked at once", async () => {
    const made = await issue({})
    expect(await use(made.api_key)).toBe(200)
    const revoke = () => api.call("POST", `${admin}/keys/${made.key_id}/revoke`)
    const revoked = (await revoke()).body.data
    expect(revoked.status).toBe("revoked")
    expect(await use(made.api_key)).toBe("UNAUTHENTICATED")
    // That it was used is noted a moment after its use.
    expect({ ...(await revoke()).body.data, last_used_at: null }).toEqual({ ...revoked, last_used_at: null })
    expect(codeOf(await api.call("POST", `${admin}/keys/${made.key_id}/rotate`))).toBe("KEY_ENDED")
  })

  it("says when it was last used", async () => {
    const [used, refused] = [await issue({}), await issue({ allowed_from: ["203.0.113.9"] })]
    await use(refused.api_key)
    await use(used.api_key)
    const lastUse = async ({ key_id }: { key_id: string }) => {
      const { keys } = (await api.call("GET", `${admin}/keys`)).body.data
      return keys.find((key: { key_id: string }) => key.key_id === key_id).last_used_at
    }
    await expect.poll(() => lastUse(used), { timeout: 5_000 }).not.toBeNull()
    expect(await lastUse(refused)).toBeNull()
  })

  it.each([
    [{ scopes: [] }, "scopes"],
    [{ scopes: ["everything"] }, "scopes[0]"],
    [{ scopes: ["admin", "admin"] }, "scopes"],
    [{ scopes: ["admin"], allowed_from: ["10.0.0.1/8"] }, "allowed_from[0]"],
    [{ scopes: ["admin"], allowed_from: ["home"] }, "allowed_from[0]"],
    [{ scopes: ["admin"], expires_at: "2020-01-01T00:00:00Z" }, "expires_at"],
    [{ scopes: ["admin"], is_of_installation: true }, "is_of_installation"],
  ])("is refused where it makes no sense: %#", async (body, field) => {
    const { status, body: answer } = await api.call("POST", `${admin}/keys`, body)
    expect([status, answer.errors?.[0]?.field]).toEqual([422, field])
  })
})

describe("another app", () => {
  it("neither sees, rotates nor revokes a key, and makes its own alone", async () => {
    const made = await issue({})
    const stranger = await seedApp(api.db)
    const headers = withKey(stranger.apiKey)
    const { keys } = (await api.call("GET", `${admin}/keys`, undefined, headers)).body.data
    expect(keys).toHaveLength(1)
    for (const what of ["rotate", "revoke"]) {
      const reply = await api.call("POST", `${admin}/keys/${made.key_id}/${what}`, undefined, headers)
      expect([reply.status, codeOf(reply)]).toEqual([404, "UNKNOWN_KEY"])
    }
    expect(await use(made.api_key)).toBe(200)
    const { apps } = (await api.call("GET", `${admin}/apps`, undefined, headers)).body.data
    expect(apps.map((app: { app_id: string }) => app.app_id)).toEqual([stranger.app.appId])
  })

  it("is made by a key of the installation alone, with a ledger and a first key", async () => {
    const body = { name: "second shop", key: { scopes: ["ledger:read", "audit:read"] } }
    const own = withKey(await seedKey(api.db, api.app))
    expect(codeOf(await api.call("POST", `${admin}/apps`, body, own))).toBe("FORBIDDEN")
    const made = (await api.call("POST", `${admin}/apps`, body)).body.data
    expect(await use(made.key.api_key)).toBe(200)
    const head = await api.call("GET", "/api/v1/audit/head", undefined, withKey(made.key.api_key))
    expect(head.body.data).toMatchObject({ position: "0" })
    expect(codeOf(await api.call("POST", `${admin}/apps`, body))).toBe("APP_EXISTS")
  })

  it("that has an admin's key cannot touch a key of the installation in it", async () => {
    const { keys } = (await api.call("GET", `${admin}/keys?limit=500`)).body.data
    const { key_id } = keys.find((key: { is_of_installation: boolean }) => key.is_of_installation)
    const own = withKey(await seedKey(api.db, api.app))
    const reply = await api.call("POST", `${admin}/keys/${key_id}/rotate`, undefined, own)
    expect(codeOf(reply)).toBe("UNKNOWN_KEY")
  })
})

it("X-Forwarded-For is nobody's word where no proxy is trusted", async () => {
  const plain = await startTestApi()
  try {
    const headers = { "x-forwarded-for": "203.0.113.9" }
    const { api_key } = (
      await plain.call("POST", `${admin}/keys`, { scopes: ["ledger:read"], allowed_from: ["203.0.113.9"] })
    ).body.data
    const reply = await plain.call("GET", "/api/v1/tokens", undefined, withKey(api_key, headers))
    expect(codeOf(reply)).toBe("FORBIDDEN")
  } finally {
    await plain.close()
  }
})
