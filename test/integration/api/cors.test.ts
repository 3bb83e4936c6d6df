import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { startTestApi, type TestApi } from "../../support/test-api.ts"

const origin = "https://console.example.com"

let api: TestApi
let closed: TestApi
beforeAll(async () => {
  api = await startTestApi({ corsOrigins: [origin] })
  closed = await startTestApi()
})
afterAll(() => Promise.all([api.close(), closed.close()]))

const headersOf = async (of: TestApi, from: string, path: string, init: RequestInit = {}) => {
  const response = await fetch(`${of.server.url}${path}`, {
    ...init,
    headers: { authorization: `Bearer ${of.apiKey}`, origin: from, ...init.headers },
  })
  await response.body?.cancel()
  const { status, headers } = response
  const cors = [...headers].filter(([name]) => name.startsWith("access-control-"))
  return { status, headers, cors: Object.fromEntries(cors) }
}
const preflight = { method: "OPTIONS", headers: { "access-control-request-method": "POST" } }

describe("a page of an allowed origin", () => {
  it.each([
    "/api/v1/tokens",
    "/api/v1/audit/events",
    "/api/v1/stream",
    "/api/v1/balance/nobody",
    "/nowhere",
    "/openapi.json",
  ])("may read the answer of %s, whatever it is, and never with credentials", async (path) => {
    const { cors, headers } = await headersOf(api, origin, path)
    expect(cors).toEqual({
      "access-control-allow-origin": origin,
      "access-control-expose-headers": expect.stringContaining("ETag"),
    })
    for (const name of ["RateLimit-Remaining", "X-Request-Id", "Idempotent-Replayed", "Retry-After"])
      expect(cors["access-control-expose-headers"]).toContain(name)
    expect(headers.get("vary")).toContain("Origin")
  })

  it("is told what it may send before it does, without a key", async () => {
    const asked = await headersOf(api, origin, "/api/v1/balance/adjust", {
      ...preflight,
      headers: { ...preflight.headers, authorization: "" },
    })
    expect(asked.status).toBe(204)
    expect(asked.cors).toMatchObject({
      "access-control-allow-origin": origin,
      "access-control-allow-methods": "POST",
      "access-control-allow-headers": expect.stringContaining("Idempotency-Key"),
      "access-control-max-age": "600",
    })
    expect(asked.cors).not.toHaveProperty("access-control-allow-credentials")
  })

  it("is told nothing of an address that there is not", async () => {
    expect((await headersOf(api, origin, "/api/v1/nowhere", preflight)).status).toBe(404)
  })
})

describe("any other page", () => {
  it.each(["https://console.example.com.evil.example", "http://console.example.com", "null"])(
    "is let into nothing: %s",
    async (from) => {
      expect((await headersOf(api, from, "/api/v1/tokens")).cors).toEqual({})
      const asked = await headersOf(api, from, "/api/v1/balance/adjust", preflight)
      expect([asked.status, asked.cors]).toEqual([405, {}])
    },
  )

  it("is every one where no origin is configured", async () => {
    expect((await headersOf(closed, origin, "/api/v1/tokens")).cors).toEqual({})
    const asked = await headersOf(closed, origin, "/api/v1/balance/adjust", preflight)
    expect([asked.status, asked.cors]).toEqual([405, {}])
  })
})
