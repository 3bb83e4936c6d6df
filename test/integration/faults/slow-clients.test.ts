import { connect, type Socket } from "node:net"
import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { lockHead } from "../../../ledger/store/ledger-transaction.ts"
import { type ApiProcess, startApiProcess } from "../../support/api-process.ts"
import { startTestApi, type TestApi } from "../../support/test-api.ts"
import { waitUntil } from "../../support/wait-until.ts"
import { waitingForLocks } from "../../support/waiting-for-locks.ts"

const timeoutMs = 2_000

let api: TestApi
beforeAll(async () => {
  api = await startTestApi({
    limits: { headersTimeoutMs: timeoutMs, bodyTimeoutMs: timeoutMs, connectionsMax: 60 },
  })
})
afterAll(() => api?.close())

type Connection = {
  readonly socket: Socket
  readonly received: () => string
  /** Resolves with how long it was open, in milliseconds. */
  readonly closed: Promise<number>
}

function open(port: number): Connection {
  let received = ""
  const from = performance.now()
  const socket = connect({ port, host: "127.0.0.1", noDelay: true })
  socket.setEncoding("utf8").on("data", (text: string) => {
    received += text
  })
  socket.on("error", () => undefined)
  const closed = new Promise<number>((resolve) => socket.on("close", () => resolve(performance.now() - from)))
  return { socket, received: () => received, closed }
}

/** A byte at a time, for as long as the other end takes it. */
async function trickle({ socket }: Connection, text: string): Promise<void> {
  for (let at = 0; !socket.destroyed; at += 1) {
    socket.write(text[at % text.length] ?? "")
    await sleep(40)
  }
}

const statusLine = (connection: Connection) => connection.received().split("\r\n")[0]

describe("somebody who sends his request a byte at a time", () => {
  it("is told so and cut off, headers or body, and meanwhile keeps nobody else waiting", async () => {
    const { port } = api.server
    const head = `POST /api/v1/balance/adjust HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${api.apiKey}\r\ncontent-type: application/json\r\n`
    const inHeaders = Array.from({ length: 20 }, () => open(port))
    const inBody = Array.from({ length: 20 }, () => open(port))
    for (const { socket } of inHeaders) socket.write("GET /livez HTTP/1.1\r\nhost: x\r\n")
    for (const { socket } of inBody) socket.write(`${head}content-length: 100000\r\n\r\n{`)
    const sending = [
      ...inHeaders.map((connection) => trickle(connection, "x-slow: 1\r\n")),
      ...inBody.map((connection) => trickle(connection, " ")),
    ]
    const from = performance.now()
    expect((await api.call("GET", "/api/v1/tokens")).status).toBe(200)
    expect(performance.now() - from).toBeLessThan(timeoutMs)

    for (const connection of [...inHeaders, ...inBody]) {
      const ms = await connection.closed
      expect(ms).toBeGreaterThanOrEqual(timeoutMs - 50)
      expect(ms).toBeLessThan(timeoutMs + 4_000)
      expect(statusLine(connection)).toMatch(/^HTTP\/1.1 408 /)
      expect(connection.received()).toContain("REQUEST_TIMEOUT")
    }
    await Promise.all(sending)
    expect((await api.call("GET", "/api/v1/tokens")).status).toBe(200)
  })

  it("gets an answer where he is slow and in time", async () => {
    const connection = open(api.server.port)
    for (const piece of ["GET /li", "vez HTTP/1.1\r\nho", "st: x\r\nconnection: close\r\n", "\r\n"]) {
      connection.socket.write(piece)
      await sleep(60)
    }
    await connection.closed
    expect(statusLine(connection)).toBe("HTTP/1.1 200 OK")
  })
})

it("somebody who opens more connections than there may be has the last ones closed, and the first ones go on", async () => {
  const connections = Array.from({ length: 100 }, () => open(api.server.port))
  for (const { socket } of connections) socket.write("GET /livez HTTP/1.1\r\nhost: x\r\n\r\n")
  await waitUntil(
    () => Promise.resolve(connections.every(({ socket, received }) => socket.destroyed || received() !== "")),
    { what: "each is answered or closed" },
  )
  const isOpen = connections.filter(({ received }) => received() !== "")
  expect(isOpen.length).toBeLessThanOrEqual(60)
  expect(isOpen.length).toBeGreaterThanOrEqual(40)
  for (const { socket } of isOpen) socket.write("GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
  await Promise.all(isOpen.map(({ closed }) => closed))
  for (const { received } of isOpen) expect(received().match(/HTTP\/1\.1 200 OK/g)).toHaveLength(2)
  for (const { socket } of connections) socket.destroy()
})

describe("SIGTERM", () => {
  it("has what is under way answered, idle connections closed, and the process end", async () => {
    const child: ApiProcess = await startApiProcess(api.database.appUrl)
    const port = Number(new URL(child.url).port)
    const idle = open(port)
    idle.socket.write("GET /livez HTTP/1.1\r\nhost: x\r\n\r\n")
    await waitUntil(() => Promise.resolve(idle.received().includes("200 OK")), { what: "an answer" })
    const busy = open(port)
    const body = JSON.stringify({
      operation_id: "last-words",
      adjustments: [{ user_id: "ann", token_symbol: "CPOP", amount: "+1", reason_type: "reward" }],
    })
    await api.db.transaction().execute(async (trx) => {
      await lockHead(trx, api.app.ledgerId)
      busy.socket.write(
        `POST /api/v1/balance/adjust HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${api.apiKey}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
      )
      await waitUntil(async () => (await waitingForLocks(api.db)).length > 0, { what: "the write waits" })
      child.kill("SIGTERM")
      await idle.closed
      const late = open(port)
      await late.closed
      expect(late.received()).toBe("")
      expect(busy.received()).toBe("")
    })
    await busy.closed
    expect(statusLine(busy)).toBe("HTTP/1.1 200 OK")
    expect(busy.received()).toContain("last-words")
    expect(await child.ended).toBe(0)
    expect((await api.call("GET", "/api/v1/operations/last-words")).status).toBe(200)
  })
})
