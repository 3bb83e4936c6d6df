import { connect } from "node:net"
import { afterAll, beforeAll, expect, it } from "vitest"
import { startTestApi, type TestApi } from "../../support/test-api.ts"

let api: TestApi
beforeAll(async () => {
  api = await startTestApi()
})
afterAll(() => api.close())

it.each([
  ["a length that is no number", "content-length: abc", 400, "MALFORMED_REQUEST"],
  ["two lengths", "content-length: 1\r\ncontent-length: 2", 400, "MALFORMED_REQUEST"],
  ["headers that are too large", `x-long: ${"x".repeat(20_000)}`, 431, "HEADERS_TOO_LARGE"],
])("answers what the parser refuses in the envelope and closes: %s", async (_, header, status, code) => {
  const answer = await new Promise<string>((resolve, reject) => {
    let received = ""
    const socket = connect(api.server.port, "127.0.0.1", () =>
      socket.write(`POST /api/v1/balance/adjust HTTP/1.1\r\nhost: x\r\n${header}\r\n\r\n`),
    )
    socket.setEncoding("utf8").on("data", (text: string) => {
      received += text
    })
    socket.on("close", () => resolve(received))
    socket.on("error", reject)
  })
  const [head = "", body = ""] = answer.split("\r\n\r\n")
  expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
  expect(JSON.parse(body)).toMatchObject({
    code: status,
    request_id: expect.stringMatching(/^req_/),
    errors: [{ code }],
  })
})

it("lives on after a broken request", async () => {
  await new Promise<void>((resolve, reject) => {
    const socket = connect(api.server.port, "127.0.0.1", () => {
      socket.write(
        `POST /api/v1/balance/adjust HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${api.apiKey}\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"adj`,
      )
      setTimeout(() => socket.destroy(), 100)
    })
    socket.on("close", () => resolve())
    socket.on("error", reject)
  })
  expect((await api.call("GET", "/livez")).status).toBe(200)
})
