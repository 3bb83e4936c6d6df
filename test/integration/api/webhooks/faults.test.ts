import { randomBytes } from "node:crypto"
import { createServer, type Socket } from "node:net"
import { sql } from "kysely"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { createSecretBox } from "../../../../platform/secret-box.ts"
import { waitUntil } from "../../../support/wait-until.ts"
import { createWebhookFixture, type WebhookFixture, whenTaken } from "../../../support/webhook-fixture.ts"
import { fail, startWebhookReceiver, type WebhookReceiver } from "../../../support/webhook-receiver.ts"

let fixture: WebhookFixture
const receivers: { close(): Promise<void> }[] = []
beforeAll(async () => {
  fixture = await createWebhookFixture()
  // The user's account is there from then on: one event a change.
  await fixture.record(1)
})
afterAll(async () => {
  await Promise.all(receivers.map((receiver) => receiver.close()))
  await fixture?.close()
})

async function receive(): Promise<WebhookReceiver> {
  const receiver = await startWebhookReceiver()
  receivers.push(receiver)
  return receiver
}

/** Answers with bytes of its own. */
async function answerBytes(answer: (socket: Socket, requests: number) => void) {
  let requests = 0
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on("error", () => socket.destroy())
    socket.on("data", (chunk) => {
      if (!chunk.toString().startsWith("POST")) return
      requests += 1
      answer(socket, requests)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  receivers.push({
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  })
  const { port } = server.address() as { port: number }
  return { url: `http://127.0.0.1:${port}/`, requests: () => requests }
}

const remove = (webhookId: string) => fixture.api.call("DELETE", `/api/v1/webhooks/${webhookId}`)

/** Makes an event one that this program does not know, or one that it knows. */
async function setVersion(position: bigint, version: number): Promise<void> {
  const owner = fixture.api.openAsOwner()
  await owner.transaction().execute(async (trx) => {
    await sql`SET LOCAL session_replication_role = replica`.execute(trx)
    await sql`UPDATE ledger.events SET version = ${version} WHERE position = ${position}`.execute(trx)
  })
  await owner.destroy()
}

async function whenFailing(webhookId: string) {
  return waitUntil(
    async () => {
      const shown = await fixture.show(webhookId)
      return shown.status === "failing" && shown.next_attempt_at !== null ? shown : false
    },
    { what: "it is shown as failing", describe: () => fixture.show(webhookId) },
  )
}

describe("an answer that is none", () => {
  it.each([
    ["another protocol", "101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"],
    ["status 000", "000 Nothing\r\nContent-Length: 0\r\n\r\n"],
    ["status 042", "042 Answer\r\nContent-Length: 0\r\n\r\n"],
  ])("%s is a failed attempt, and the worker stops", async (_, bytes) => {
    const receiver = await answerBytes((socket) => socket.write(`HTTP/1.1 ${bytes}`))
    const { webhook_id } = await fixture.make(receiver.url)
    const worker = await fixture.run()
    await fixture.record(1)
    expect(await fixture.firstFailure(webhook_id)).toMatchObject({
      error: "NO_CONNECTION",
      response_status: null,
    })
    expect((await whenFailing(webhook_id)).failing_since).not.toBeNull()
    expect(receiver.requests()).toBe(1)
    await worker.stop()
    expect(worker.status()).toEqual({ delivering: 0 })
    await remove(webhook_id)
  })

  it("a head that breaks off on a kept connection is a failed attempt, and not asked for again", async () => {
    const receiver = await answerBytes((socket, requests) => {
      if (requests === 1) socket.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
      else {
        socket.write("HTTP/1.1 200 OK\r\nContent-Len")
        setTimeout(() => socket.resetAndDestroy(), 150)
      }
    })
    const { webhook_id } = await fixture.make(receiver.url)
    await fixture.record(2)
    const worker = await fixture.run()
    await whenFailing(webhook_id)
    expect(receiver.requests()).toBe(2)
    await worker.stop()
    await remove(webhook_id)
  })

  it("none at all on a connection that was closed while it was idle is asked for again, at once", async () => {
    const receiver = await answerBytes((socket, requests) => {
      if (requests === 2) socket.resetAndDestroy()
      else socket.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    })
    const { webhook_id } = await fixture.make(receiver.url)
    const last = await fixture.record(2)
    const worker = await fixture.run()
    await fixture.whenThrough(webhook_id, last)
    expect(receiver.requests()).toBe(3)
    expect(await fixture.deliveries(webhook_id)).toMatchObject([{ attempts_count: 1 }, { attempts_count: 1 }])
    await worker.stop()
    await remove(webhook_id)
  })

  it("a body that breaks off on a kept connection is not asked for again", async () => {
    const receiver = await answerBytes((socket, requests) => {
      if (requests === 1) socket.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
      else {
        socket.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart")
        // The head is with the client before the connection is reset.
        setTimeout(() => socket.resetAndDestroy(), 150)
      }
    })
    const { webhook_id } = await fixture.make(receiver.url, { after: "0" })
    const last = await fixture.record(2)
    const { position } = await fixture.show(webhook_id)
    const worker = await fixture.run()
    await fixture.whenThrough(webhook_id, last)
    expect(receiver.requests()).toBe(Number(last - BigInt(position)))
    await worker.stop()
    await remove(webhook_id)
  })
})

describe("what fails with us", () => {
  it("is shown as failing, waits longer and longer, and is another worker's then", async () => {
    const receiver = await receive()
    const { webhook_id } = await fixture.make(receiver.url)
    const unable = await fixture.run({ box: createSecretBox([randomBytes(32)]) })
    const last = await fixture.record(1)
    await whenFailing(webhook_id)
    const test = (await fixture.api.call("POST", `/api/v1/webhooks/${webhook_id}/test`)).body.data
    const path = `/api/v1/webhooks/${webhook_id}/deliveries/${test.delivery_id}`
    const nextMs = async () => Date.parse((await fixture.api.call("GET", path)).body.data.next_attempt_at)
    await waitUntil(async () => (await nextMs()) - Date.now() > 2_000, { what: "the test is put off" })
    const first = await fixture.passTime(webhook_id)
    expect(first).toBeGreaterThan(2_000)
    expect(first).toBeLessThan(5_100)
    await sql`
      UPDATE webhooks.endpoints SET failing_since = now() - interval '100 s', next_attempt_at = now(), leased_until = NULL
      WHERE endpoint_id = ${webhook_id}`.execute(fixture.api.db)
    const waits = await waitUntil(
      async () => {
        const shown = await fixture.show(webhook_id)
        const waitMs = Date.parse(shown.next_attempt_at) - Date.now()
        return waitMs > 60_000 ? waitMs : false
      },
      { what: "it waits longer", describe: () => fixture.show(webhook_id) },
    )
    expect(waits).toBeLessThan(110_000)
    await unable.stop()
    expect(receiver.received).toEqual([])
    const able = await fixture.run()
    await fixture.passTime(webhook_id)
    await fixture.whenThrough(webhook_id, last)
    expect(await fixture.show(webhook_id)).toMatchObject({ status: "healthy", failing_since: null })
    await able.stop()
    await remove(webhook_id)
  })

  it("sends nothing that nobody could verify", async () => {
    const receiver = await receive()
    const { webhook_id } = await fixture.make(receiver.url)
    await sql`DELETE FROM webhooks.secrets WHERE endpoint_id = ${webhook_id}`.execute(fixture.api.db)
    const worker = await fixture.run()
    await fixture.record(1)
    await whenFailing(webhook_id)
    expect(receiver.received).toEqual([])
    await worker.stop()
    await remove(webhook_id)
  })

  it("holds up what is behind an event that cannot be read, and nothing before it", async () => {
    const receiver = await receive()
    const { webhook_id } = await fixture.make(receiver.url)
    const last = await fixture.record(5)
    const broken = last - 2n
    await setVersion(broken, 99)
    const worker = await fixture.run({ random: () => 0 })
    await whenFailing(webhook_id)
    expect(receiver.taken).toEqual([last - 4n, last - 3n])
    expect((await fixture.show(webhook_id)).position).toBe((broken - 1n).toString())
    expect(await fixture.passTime(webhook_id)).toBeGreaterThan(2_000)
    // Once more the same: what was taken is not sent again.
    await waitUntil(async () => (await fixture.passTime(webhook_id)) !== null, { what: "it waits again" })
    await setVersion(broken, 1)
    await fixture.passTime(webhook_id)
    await fixture.whenThrough(webhook_id, last)
    expect(receiver.taken).toEqual([4n, 3n, 2n, 1n, 0n].map((back) => last - back))
    expect((await fixture.deliveries(webhook_id)).map(({ attempts_count }) => attempts_count)).toEqual(
      Array.from({ length: 5 }, () => 1),
    )
    await worker.stop()
    await remove(webhook_id)
  })

  it("holds up nothing where it was asked for", async () => {
    const receiver = await receive()
    const { webhook_id } = await fixture.make(receiver.url)
    const worker = await fixture.run()
    const first = await fixture.record(1)
    await fixture.whenThrough(webhook_id, first)
    await setVersion(first, 99)
    const [{ delivery_id }] = await fixture.deliveries(webhook_id)
    const path = `/api/v1/webhooks/${webhook_id}/deliveries/${delivery_id}`
    expect((await fixture.api.call("POST", `${path}/redeliver`)).status).toBe(202)
    const nextMs = async () => Date.parse((await fixture.api.call("GET", path)).body.data.next_attempt_at)
    await waitUntil(async () => (await nextMs()) - Date.now() > 1_000_000, { what: "it is put off" })
    const last = await fixture.record(1)
    await fixture.whenThrough(webhook_id, last)
    expect(receiver.taken).toEqual([first, last])
    expect(await fixture.show(webhook_id)).toMatchObject({ status: "healthy", failing_since: null })
    await setVersion(first, 1)
    await worker.stop()
    await remove(webhook_id)
  })

  it("does not count against the receiver", async () => {
    const receiver = await receive()
    receiver.answer = fail(500)
    const { webhook_id } = await fixture.make(receiver.url)
    await sql`
      UPDATE webhooks.endpoints SET failing_since = now() - interval '6 days' WHERE endpoint_id = ${webhook_id}`.execute(
      fixture.api.db,
    )
    const worker = await fixture.run()
    await fixture.record(1)
    await fixture.firstFailure(webhook_id)
    const { failing_since } = await whenFailing(webhook_id)
    expect(Date.now() - Date.parse(failing_since)).toBeLessThan(60_000)
    await worker.stop()
    await remove(webhook_id)
  })

  it("keeps no worker from stopping", async () => {
    const receiver = await receive()
    let answer: (() => void) | undefined
    receiver.answer = (_, response) => {
      answer = () => response.writeHead(204).end()
    }
    const { webhook_id } = await fixture.make(receiver.url)
    const worker = await fixture.run()
    await fixture.record(1)
    await waitUntil(() => Promise.resolve(answer !== undefined), { what: "it is sent" })
    const held = Promise.withResolvers<void>()
    const isHeld = Promise.withResolvers<void>()
    const holding = fixture.api.db.transaction().execute(async (trx) => {
      await sql`SELECT FROM webhooks.endpoints WHERE endpoint_id = ${webhook_id} FOR UPDATE`.execute(trx)
      isHeld.resolve()
      await held.promise
    })
    await isHeld.promise
    // Longer than an answer may take before its place is another's.
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    answer?.()
    await whenTaken(receiver, 1)
    const beganMs = performance.now()
    const end = await Promise.race([
      worker.stop().then(() => "stopped"),
      new Promise((resolve) => setTimeout(resolve, 12_000, "held up")),
    ])
    expect(end).toBe("stopped")
    expect(performance.now() - beganMs).toBeLessThan(10_000)
    held.resolve()
    await holding
    await remove(webhook_id)
  })
})

describe("a failure at the old address", () => {
  it.each([410, 500])("says nothing about the new one (status %i)", async (status) => {
    const [old, other] = [await receive(), await receive()]
    let answer: (() => void) | undefined
    old.answer = (message, response) => {
      answer = () => fail(status)(message, response)
    }
    const { webhook_id } = await fixture.make(old.url)
    const worker = await fixture.run()
    const last = await fixture.record(1)
    await waitUntil(() => Promise.resolve(answer !== undefined), { what: "it is sent" })
    await fixture.api.call("PATCH", `/api/v1/webhooks/${webhook_id}`, { url: other.url })
    const answeredMs = performance.now()
    answer?.()
    await fixture.whenThrough(webhook_id, last)
    // Less than the shortest wait of the schedule.
    expect(performance.now() - answeredMs).toBeLessThan(4_500)
    expect(other.taken).toEqual([last])
    const [delivery] = await fixture.deliveries(webhook_id)
    expect(delivery).toMatchObject({ status: "succeeded", attempts_count: 2 })
    expect(await fixture.show(webhook_id)).toMatchObject({ is_enabled: true, status: "healthy" })
    await worker.stop()
    await remove(webhook_id)
  })

  it("is no reason to send the message to whom the settings of now do not mean", async () => {
    const [before, after] = [await receive(), await receive()]
    before.answer = fail(500)
    const worker = await fixture.run({ random: () => 0 })
    const { webhook_id } = await fixture.make(before.url, { user_id: "alice", types: ["balance.adjusted"] })
    await fixture.record(1, "alice")
    await fixture.firstFailure(webhook_id)
    const change = { url: after.url, user_id: "bob", types: ["balance.adjusted"] }
    expect((await fixture.api.call("PATCH", `/api/v1/webhooks/${webhook_id}`, change)).status).toBe(200)
    await fixture.whenThrough(webhook_id, await fixture.record(1, "bob"))
    expect(after.received.map(({ event }) => event.data["user_id"])).toEqual(["bob"])
    expect(await fixture.deliveries(webhook_id, "status=retrying")).toEqual([])
    await worker.stop()
  })

  it("leaves a test that was asked for to be sent with the new one", async () => {
    const [old, other] = [await receive(), await receive()]
    let answer: (() => void) | undefined
    old.answer = (message, response) => {
      answer = () => fail(500)(message, response)
    }
    const { webhook_id } = await fixture.make(old.url)
    const worker = await fixture.run()
    await fixture.api.call("POST", `/api/v1/webhooks/${webhook_id}/test`)
    await waitUntil(() => Promise.resolve(answer !== undefined), { what: "it is sent" })
    await fixture.api.call("PATCH", `/api/v1/webhooks/${webhook_id}`, { url: other.url })
    answer?.()
    await waitUntil(() => Promise.resolve(other.received.length === 1), { what: "it is sent to the new one" })
    await waitUntil(async () => (await fixture.deliveries(webhook_id))[0].status === "succeeded", {
      what: "it is recorded",
      describe: () => fixture.deliveries(webhook_id),
    })
    expect((await fixture.deliveries(webhook_id))[0].attempts_count).toBe(2)
    await worker.stop()
    await remove(webhook_id)
  })

  it("takes the lease from who delivers when the webhook is deleted", async () => {
    const { webhook_id } = await fixture.make((await receive()).url)
    const token = async () =>
      (
        await sql<{ lease_token: bigint }>`
          SELECT lease_token FROM webhooks.endpoints WHERE endpoint_id = ${webhook_id}`.execute(
          fixture.api.db,
        )
      ).rows[0]?.lease_token
    const before = await token()
    await remove(webhook_id)
    expect(await token()).toBe((before ?? 0n) + 1n)
  })
})
