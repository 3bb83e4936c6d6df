import { connect } from "node:net"
import { setTimeout as sleep } from "node:timers/promises"
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

it("reads a body however it comes, and the connection goes on", async () => {
  const body = JSON.stringify({
    adjustments: [{ user_id: "ann", token_symbol: "CPOP", amount: "+1", reason_type: "reward" }],
  })
  const head = (framing: string): string =>
    `POST /api/v1/balance/adjust HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${api.apiKey}\r\ncontent-type: application/json\r\n${framing}\r\n\r\n`
  const known = head(`content-length: ${body.length}`)
  const chunked = `${head("transfer-encoding: chunked")}${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`
  const ways: readonly (readonly string[])[] = [
    [known + body],
    [known, body],
    [known + body.slice(0, 20), body.slice(20)],
    [known + body + known.slice(0, 9), known.slice(9) + body],
    [known + body + known + body],
    [chunked],
    [head("content-length: 0")],
    [known + body],
  ]
  const socket = connect({ port: api.server.port, host: "127.0.0.1", noDelay: true })
  let received = ""
  socket.setEncoding("utf8").on("data", (text: string) => {
    received += text
  })
  const statuses = (): string[] =>
    [...received.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status = ""]) => status)
  const expected: string[] = []
  for (const pieces of ways) {
    for (const piece of pieces) {
      socket.write(piece)
      await sleep(30)
    }
    const requests = pieces.join("").split("POST").length - 1
    for (let n = 0; n < requests; n += 1) expected.push(pieces[0]?.includes("length: 0\r") ? "400" : "200")
    await expect.poll(statuses).toEqual(expected)
  }
  socket.destroy()
})
