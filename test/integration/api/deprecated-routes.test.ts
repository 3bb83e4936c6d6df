import { z } from "@hono/zod-openapi"
import { Hono } from "hono"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { ApiEnv } from "../../../api/api-env.ts"
import { requestContext } from "../../../api/middleware/request-context.ts"
import { mountRoute } from "../../../api/mount-route.ts"
import { buildDocument } from "../../../api/openapi.ts"
import { refuse } from "../../../api/refusal.ts"
import { defineRoute, type Route } from "../../../api/route.ts"
import { routes } from "../../../api/routes.ts"
import { createServices, type Services } from "../../../api/services.ts"
import { createLogger } from "../../../platform/logger.ts"
import { startTestApi, type TestApi } from "../../support/test-api.ts"

let api: TestApi
let services: Services
const logger = createLogger("api", "silent")
beforeAll(async () => {
  api = await startTestApi()
  const { db, writerPool } = api
  services = createServices({ db, writerPool, logger, host: "127.0.0.1", port: 0, version: "0.0.0-test" })
})
afterAll(async () => {
  await services.stop()
  await api.close()
})

const old = (deprecated?: Route["deprecated"]): Route =>
  defineRoute({
    method: "get",
    path: "/old",
    tag: "System",
    summary: "What is there under another name",
    permission: "registry.read",
    query: z.strictObject({ fail: z.literal("true").optional().openapi({ description: "Refused" }) }),
    answer: z.object({ status: z.literal("old") }),
    refusals: ["UNKNOWN_USER"],
    ...(deprecated === undefined ? {} : { deprecated }),
    handle: (_, { query }) =>
      Promise.resolve(
        Object.keys(query).length > 0 ? refuse("UNKNOWN_USER", null, "x") : { data: { status: "old" } },
      ),
  })
const deprecation = { since: "2026-12-15", sunset: "2027-12-15", successor: "/api/v1/tokens" }

const ask = (route: Route, query = "", headers: Record<string, string> = {}) => {
  const app = new Hono<ApiEnv>()
  mountRoute(app, services, route, requestContext(logger, null))
  return app.request(`/api/v1/old${query}`, {
    headers: { authorization: `Bearer ${api.apiKey}`, ...headers },
  })
}

describe("a route that goes", () => {
  it.each([
    ["its answer", "", {}, 200],
    ["a refusal", "?fail=true", {}, 404],
    ["a refusal before it is asked", "", { authorization: "" }, 401],
  ])("says so with %s, as RFC 9745 and RFC 8594 have it", async (_, query, headers, status) => {
    const response = await ask(old(deprecation), query, headers)
    expect(response.status).toBe(status)
    expect(response.headers.get("deprecation")).toBe(`@${Date.UTC(2026, 11, 15) / 1_000}`)
    expect(response.headers.get("sunset")).toBe("Wed, 15 Dec 2027 23:59:59 GMT")
    expect(response.headers.get("link")).toBe('</api/v1/tokens>; rel="successor-version"')
  })

  it("says so in the description, and nothing else does", () => {
    const { paths } = buildDocument([old(deprecation), ...routes], "0") as {
      paths: Record<
        string,
        Record<
          string,
          { deprecated?: boolean; description?: string; responses: Record<string, { headers: object }> }
        >
      >
    }
    const operation = paths["/api/v1/old"]?.["get"]
    expect(operation?.deprecated).toBe(true)
    expect(operation?.description).toContain(
      "Deprecated since 2026-12-15, and gone after 2027-12-15: use `/api/v1/tokens`.",
    )
    for (const { headers } of Object.values(operation?.responses ?? {}))
      expect(Object.keys(headers)).toEqual(expect.arrayContaining(["Deprecation", "Sunset"]))
    const marked = Object.values(paths).flatMap((methods) =>
      Object.values(methods).filter((one) => one.deprecated),
    )
    expect(marked).toHaveLength(1 + routes.filter((route) => route.deprecated !== undefined).length)
  })

  it("is the only one that has these headers", async () => {
    const { headers } = await ask(old())
    expect(["deprecation", "sunset", "link"].map((name) => headers.get(name))).toEqual([null, null, null])
  })

  it("is announced at least half a year before it goes, and leads to an address that there is", () => {
    for (const { deprecated } of routes) {
      if (deprecated === undefined) continue
      const days = (Date.parse(deprecated.sunset) - Date.parse(deprecated.since)) / 86_400_000
      expect(days).toBeGreaterThanOrEqual(180)
      expect(routes.map(({ path }) => `/api/v1${path}`)).toContain(deprecated.successor)
    }
  })
})
