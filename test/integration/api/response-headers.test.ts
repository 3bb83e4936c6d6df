import { createConnection } from "node:net"
import { text } from "node:stream/consumers"
import { afterAll, beforeAll, expect, it } from "vitest"
import { startTestApi, type TestApi } from "../../support/test-api.ts"

let api: TestApi
beforeAll(async () => {
  api = await startTestApi()
})
afterAll(() => api?.close())

const adjustment = { user_id: "ann", token_symbol: "CPOP", amount: "+1", reason_type: "reward" }

it.each<[string, string, string, object | undefined, number]>([
  ["a write", "POST", "/api/v1/balance/adjust", { adjustments: [adjustment] }, 200],
  ["a key that is shown this once", "POST", "/api/v1/admin/keys", { scopes: ["ledger:read"] }, 200],
  ["a refusal", "POST", "/api/v1/balance/adjust", {}, 422],
  ["an address that is not there", "GET", "/api/v1/nothing", undefined, 404],
])("%s is kept by no cache, and taken for nothing but JSON", async (_, method, path, body, status) => {
  const reply = await api.call(method, path, body)
  expect(reply.status).toBe(status)
  expect(reply.headers.get("cache-control")).toBe("no-store")
  expect(reply.headers.get("x-content-type-options")).toBe("nosniff")
  expect(reply.headers.get("referrer-policy")).toBe("no-referrer")
  expect(reply.headers.get("content-type")).toBe("application/json; charset=utf-8")
})

it("a read is kept by its caller alone, and asked for again", async () => {
  const { headers } = await api.call("GET", "/api/v1/balance/ann")
  expect(headers.get("cache-control")).toBe("private, no-cache")
  expect(headers.get("vary")).toMatch(/Authorization, X-API-Key/)
  expect(headers.get("x-content-type-options")).toBe("nosniff")
})

it("what is no HTTP is answered with the same headers", async () => {
  const { port, hostname } = new URL(api.server.url)
  const socket = createConnection(Number(port), hostname)
  socket.write("GET / HTTP/9\r\n\r\n")
  const answer = await text(socket)
  expect(answer).toMatch(/^cache-control: no-store\r$/m)
  expect(answer).toMatch(/^x-content-type-options: nosniff\r$/m)
})

it("no answer says what the server is made of", async () => {
  const { headers } = await api.call("GET", "/api/v1/balance/ann")
  expect([headers.get("server"), headers.get("x-powered-by")]).toEqual([null, null])
})

it("a key in the address is refused: addresses end up in logs", async () => {
  const response = await fetch(`${api.server.url}/api/v1/balance/ann?api_key=${api.apiKey}`)
  expect(response.status).toBe(401)
})
