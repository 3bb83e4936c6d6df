import { once } from "node:events"
import { readFileSync } from "node:fs"
import { connect, type Socket } from "node:net"
import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, beforeAll, expect, test } from "vitest"
import { type ApiProcess, startApiProcess } from "../../support/api-process.ts"
import { startTestApi, type TestApi } from "../../support/test-api.ts"

const readerStallMs = 1_500
const adjustments = 10_000
const operations = 3
const readers = 10
const users = 100
const events = operations * adjustments + users

let api: TestApi
let child: ApiProcess
const sockets: Socket[] = []
beforeAll(async () => {
  api = await startTestApi({ limits: { readerStallMs } })
  for (let operation = 0; operation < operations; operation += 1) {
    const all = Array.from({ length: adjustments }, (_, index) => ({
      user_id: `user-${index % users}`,
      token_symbol: "POINT",
      amount: "+1",
      reason_type: "reward",
      reason_detail: "so that the log is longer than any buffer between us: ".padEnd(300, "."),
    }))
    expect((await api.adjust({ adjustments: all })).status).toBe(200)
  }
  child = await startApiProcess(api.database.appUrl)
})
afterAll(async () => {
  for (const socket of sockets) socket.destroy()
  child?.kill("SIGKILL")
  await child?.ended
  await api?.close()
})

/** Asks for the whole log and takes a byte of it now and then. */
async function readSlowly(url: string): Promise<{ readonly socket: Socket; stop(): void }> {
  const socket = connect(Number(new URL(url).port), "127.0.0.1")
  sockets.push(socket)
  await once(socket, "connect")
  socket.on("error", () => undefined)
  socket.pause()
  const reading = setInterval(() => void socket.read(1), 500)
  socket.write(
    `GET /api/v1/audit/events HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer ${api.apiKey}\r\n\r\n`,
  )
  return { socket, stop: () => clearInterval(reading) }
}

async function readAll(url: string): Promise<string> {
  const response = await fetch(`${url}/api/v1/audit/events`, {
    headers: { authorization: `Bearer ${api.apiKey}` },
  })
  return await response.text()
}

/** Of a process, as the system counts it. */
function residentMegabytes(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]
  return Number(kilobytes) / 1_024
}

/** What a process has used of the processors, in hundredths of a second. */
function processorTicks(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /s, "")
    .split(" ")
  return Number(fields[11]) + Number(fields[12])
}

test("readers of the log that take two bytes a second cost a page or two each, and disturb nobody", async () => {
  const log = await readAll(child.url)
  expect(log.split("\n")).toHaveLength(events + 1)
  const logMegabytes = log.length / 1_024 / 1_024
  const before = residentMegabytes(child.pid)
  const slow = await Promise.all(Array.from({ length: readers }, () => readSlowly(child.url)))
  let most = 0
  // Until it has had nothing to do for two seconds: then all of them wait for their readers.
  let ticks = processorTicks(child.pid)
  for (let round = 0, idle = 0; round < 30 && idle < 2; round += 1) {
    await sleep(1_000)
    most = Math.max(most, residentMegabytes(child.pid) - before)
    const now = processorTicks(child.pid)
    idle = now - ticks <= 3 ? idle + 1 : 0
    ticks = now
  }
  console.log(
    `${readers} slow readers of ${logMegabytes.toFixed(0)} MB each: ${most.toFixed(0)} MB more at most`,
  )
  expect(most).toBeLessThan((readers * logMegabytes) / 2)
  const headers = { authorization: `Bearer ${api.apiKey}`, "content-type": "application/json" }
  const adjustment = { user_id: "ann", token_symbol: "POINT", amount: "+1", reason_type: "reward" }
  const body = JSON.stringify({ adjustments: [adjustment] })
  expect((await fetch(`${child.url}/api/v1/balance/adjust`, { method: "POST", headers, body })).status).toBe(
    200,
  )
  expect((await fetch(`${child.url}/api/v1/balance/ann`, { headers })).status).toBe(200)
  for (const { stop, socket } of slow) {
    stop()
    socket.destroy()
  }
})

test("a reader that takes too long for a page is cut off, by a reset: it cannot take what it has got for the whole", async () => {
  const { socket, stop } = await readSlowly(api.server.url)
  const beganMs = performance.now()
  // Who does not read is not told of a reset before he writes: an empty line, which HTTP passes over.
  const writing = setInterval(() => socket.write("\r\n"), 200)
  const isFaulty = await new Promise((resolve) => socket.once("close", resolve))
  clearInterval(writing)
  stop()
  expect(isFaulty).toBe(true)
  expect(performance.now() - beganMs).toBeGreaterThan(readerStallMs)
})
