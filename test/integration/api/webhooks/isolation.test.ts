import { createServer, type Socket } from "node:net"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { seedApp } from "../../../support/seed-registry.ts"
import { waitUntil } from "../../../support/wait-until.ts"
import { createWebhookFixture, type WebhookFixture, whenTaken } from "../../../support/webhook-fixture.ts"
import { startWebhookReceiver, type WebhookReceiver } from "../../../support/webhook-receiver.ts"

let fixture: WebhookFixture
const receivers: { close(): Promise<void> }[] = []
beforeAll(async () => {
  fixture = await createWebhookFixture()
  await fixture.run({ limits: { attemptMs: 6_000, bodyMs: 300 } })
})
afterAll(async () => {
  await fixture?.close()
  await Promise.all(receivers.map((receiver) => receiver.close()))
})

async function receive(): Promise<WebhookReceiver> {
  const receiver = await startWebhookReceiver()
  receivers.push(receiver)
  return receiver
}

/** Takes connections, and what is said in them, and never answers. */
async function hang(): Promise<string> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on("error", () => socket.destroy())
    socket.resume()
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  receivers.push({
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  })
  return `http://127.0.0.1:${(server.address() as { port: number }).port}/`
}

async function remove(webhookIds: readonly string[]): Promise<void> {
  await Promise.all(webhookIds.map((id) => fixture.api.call("DELETE", `/api/v1/webhooks/${id}`)))
}

/** How long after the call a change is with the receiver, at worst of so many. */
async function slowestMs(receiver: WebhookReceiver, changes: number): Promise<number> {
  let slowest = 0
  for (let change = 0; change < changes; change += 1) {
    const before = receiver.taken.length
    const beganMs = performance.now()
    await fixture.record(1)
    await whenTaken(receiver, before + 1)
    slowest = Math.max(slowest, (receiver.received.at(-1)?.atMs ?? Number.NaN) - beganMs)
  }
  return slowest
}

describe("endpoints that do not take what they are sent", () => {
  it("keep none of the others waiting, however many they are", async () => {
    const receiver = await receive()
    const well = await fixture.make(receiver.url)
    const alone = await slowestMs(receiver, 10)
    const made: string[] = []
    const hanging = await hang()
    // More than there are places of either kind.
    for (let each = 0; each < 80; each += 1) made.push((await fixture.make(hanging)).webhook_id)
    for (let each = 0; each < 20; each += 1) made.push((await fixture.make("http://127.0.0.1:1/")).webhook_id)
    // Nobody knows yet which of them fail.
    const atFirst = await slowestMs(receiver, 3)
    await waitUntil(
      async () =>
        (await Promise.all(made.map((id) => fixture.show(id)))).every(
          ({ failing_since }) => failing_since !== null,
        ),
      { what: "all of them have failed", timeoutMs: 60_000 },
    )
    // They are tried again all the time.
    let isOver = false
    const tormenting = (async () => {
      while (!isOver) {
        for (const id of made) await fixture.passTime(id)
        await new Promise((resolve) => setTimeout(resolve, 200))
      }
    })()
    const beside = await slowestMs(receiver, 20)
    isOver = true
    await tormenting
    console.info(
      `slowest alone ${alone.toFixed(0)} ms; beside 100 that fail ${atFirst.toFixed(0)} ms at first, later ${beside.toFixed(0)} ms`,
    )
    // Less than an attempt may take, however busy the machine is.
    expect(atFirst).toBeLessThan(4_000 + alone)
    expect(beside).toBeLessThan(4_000 + alone)
    await remove([...made, well.webhook_id])
  }, 120_000)

  it("that are slow take no places from those that are not", async () => {
    const receiver = await receive()
    const well = await fixture.make(receiver.url)
    const alone = await slowestMs(receiver, 5)
    const slow = await receive()
    slow.answer = (_, response) => void setTimeout(() => response.writeHead(204).end(), 5_000)
    const made: string[] = []
    // More than there are places.
    for (let each = 0; each < 100; each += 1) made.push((await fixture.make(slow.url)).webhook_id)
    await fixture.record(1)
    await waitUntil(() => Promise.resolve(slow.taken.length >= 100), {
      what: "each has taken one",
      timeoutMs: 30_000,
    })
    await fixture.record(40)
    const beside = await slowestMs(receiver, 10)
    console.info(`slowest of 10 beside 100 that take 5 s each: ${beside.toFixed(0)} ms`)
    // Where slow ones waited among the others it would be most of their five seconds.
    expect(beside).toBeLessThan(4_000 + alone)
    await remove([...made, well.webhook_id])
  }, 120_000)
})

it("many that take just less than a slow one give way to others after each message", async () => {
  const receiver = await receive()
  const well = await fixture.make(receiver.url)
  const alone = await slowestMs(receiver, 5)
  const busy = await receive()
  busy.answer = (_, response) => void setTimeout(() => response.writeHead(204).end(), 700)
  const made: string[] = []
  for (let each = 0; each < 100; each += 1) made.push((await fixture.make(busy.url)).webhook_id)
  await fixture.record(40)
  await waitUntil(() => Promise.resolve(busy.received.length >= 64), { what: "all places are taken" })
  const beside = await slowestMs(receiver, 5)
  console.info(`slowest of 5 beside 100 that take 0.7 s each: ${beside.toFixed(0)} ms`)
  expect(beside).toBeLessThan(4_000 + alone)
  await remove([...made, well.webhook_id])
}, 120_000)

describe("an answer", () => {
  it("of any size is read only at its beginning", async () => {
    const receiver = await receive()
    const { webhook_id } = await fixture.make(receiver.url)
    let written = 0
    receiver.answer = (_, response) => {
      response.writeHead(200)
      const chunk = "x".repeat(65_536)
      const pump = () => {
        while (!response.destroyed && written < 1_073_741_824) {
          written += chunk.length
          if (!response.write(chunk)) return void response.once("drain", pump)
        }
      }
      pump()
    }
    const last = await fixture.record(3)
    await fixture.whenThrough(webhook_id, last)
    expect(written).toBeLessThan(64 * 1_048_576)
    const [delivery] = await fixture.deliveries(webhook_id)
    expect(delivery).toMatchObject({ status: "succeeded" })
    expect(delivery.attempts[0].excerpt).toBe("x".repeat(512))
    await remove([webhook_id])
  })

  it("whose body never ends is one all the same", async () => {
    const receiver = await receive()
    const { webhook_id } = await fixture.make(receiver.url)
    receiver.answer = (_, response) => void response.writeHead(200).write("so far")
    await fixture.whenThrough(webhook_id, await fixture.record(1))
    const [delivery] = await fixture.deliveries(webhook_id)
    expect(delivery.attempts[0]).toMatchObject({ response_status: 200, error: null, excerpt: "so far" })
    expect(delivery.attempts[0].duration_ms).toBeLessThan(2_000)
    await remove([webhook_id])
  })

  it("that holds what the database cannot is kept without it", async () => {
    const receiver = await receive()
    const { webhook_id } = await fixture.make(receiver.url)
    receiver.answer = (_, response) => response.writeHead(200).end(Buffer.from([0x61, 0, 0xff, 0x62]))
    await fixture.whenThrough(webhook_id, await fixture.record(1))
    expect((await fixture.deliveries(webhook_id))[0].attempts[0].excerpt).toBe("a\u{fffd}\u{fffd}b")
    await remove([webhook_id])
  })

  it("with headers without end is none", async () => {
    const receiver = await receive()
    const { webhook_id } = await fixture.make(receiver.url)
    receiver.answer = (_, response) => response.writeHead(200, { "x-much": "y".repeat(60_000) }).end()
    await fixture.record(1)
    await waitUntil(async () => (await fixture.show(webhook_id)).failing_since !== null, { what: "it fails" })
    const [delivery] = await fixture.deliveries(webhook_id)
    expect(delivery.attempts[0]).toMatchObject({ response_status: null, error: "NO_CONNECTION" })
    await remove([webhook_id])
  })
})

describe("what a webhook gets", () => {
  it("is of its own app", async () => {
    const receiver = await receive()
    const { webhook_id } = await fixture.make(receiver.url)
    const other = await seedApp(fixture.api.db)
    const change = { user_id: "stranger", token_symbol: "CPOP", amount: "+1", reason_type: "reward" }
    const headers = { authorization: `Bearer ${other.apiKey}` }
    expect((await fixture.api.adjust({ adjustments: [change, change] }, headers)).status).toBe(200)
    await fixture.whenThrough(webhook_id, await fixture.record(1))
    expect(receiver.received.map(({ event }) => event.data["user_id"])).toEqual(["user_123"])
    await remove([webhook_id])
  })

  it("is of the types, the user and the token that it asked for", async () => {
    const receiver = await receive()
    const opened = await fixture.make(receiver.url, { types: ["account.opened"], user_id: "ann" })
    const elsewhere = await fixture.make(receiver.url, { token_symbol: "USDT" })
    await fixture.record(2, "bob")
    const last = await fixture.record(2, "ann")
    await fixture.whenThrough(opened.webhook_id, last)
    await fixture.whenThrough(elsewhere.webhook_id, last)
    expect(receiver.received.map(({ event }) => [event.type, event.data["user_id"]])).toEqual([
      ["account.opened", "ann"],
    ])
    await remove([opened.webhook_id, elsewhere.webhook_id])
  })
})
