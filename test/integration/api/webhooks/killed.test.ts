import { type ChildProcess, fork } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, expect, it } from "vitest"
import { startDatabaseDoor } from "../../../support/database-door.ts"
import { waitUntil } from "../../../support/wait-until.ts"
import { createWebhookFixture, type WebhookFixture } from "../../../support/webhook-fixture.ts"
import type { WebhookProcessOptions } from "../../../support/webhook-process.ts"
import {
  startWebhookReceiver,
  take,
  verifyWithLibrary,
  type WebhookReceiver,
} from "../../../support/webhook-receiver.ts"

/** Short, where its end is waited for; otherwise one that a busy machine does not outlast. */
const shortMs = 2_000
const longMs = 40_000

let fixture: WebhookFixture
const receivers: WebhookReceiver[] = []
const workers = new Set<ChildProcess>()
beforeAll(async () => {
  fixture = await createWebhookFixture()
})
afterEach(async () => {
  await Promise.all([...workers].map(kill))
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

async function startWorker(
  leaseMs = shortMs,
  env: Record<string, string> = {},
  databaseUrl = fixture.api.database.appUrl,
): Promise<ChildProcess> {
  const options: WebhookProcessOptions = {
    databaseUrl,
    leaseMs,
    attemptMs: leaseMs === longMs ? 10_000 : 1_000,
    secretKey: fixture.secretKey.toString("hex"),
  }
  const worker = fork(join(import.meta.dirname, "../../../support/webhook-process.ts"), [], {
    env: { ...process.env, ...env, TEST_WEBHOOKS: JSON.stringify(options) },
  })
  workers.add(worker)
  await once(worker, "message")
  return worker
}

async function kill(worker: ChildProcess): Promise<void> {
  workers.delete(worker)
  if (worker.exitCode !== null || worker.signalCode !== null) return
  const exited = once(worker, "exit")
  worker.kill("SIGKILL")
  await exited
}

/** The positions in the order in which each was seen first. */
const firstSeen = (receiver: WebhookReceiver) => [...new Set(receiver.taken)]
const upTo = (last: bigint, count: number) =>
  Array.from({ length: count }, (_, index) => last - BigInt(count - 1 - index))

it("killed between the receiver's answer and our record, it is sent again under the same id, and nothing is left out", async () => {
  const receiver = await receive()
  const { webhook_id, secret } = await fixture.make(receiver.url)
  // Of the messages of the log, one that is new.
  const last = await fixture.record(150)
  const killedAt: number[] = []
  let worker = await startWorker()
  for (let round = 0; round < 6; round += 1) {
    const seen = receiver.taken.length
    const victim = worker
    let ended: Promise<void> | undefined
    receiver.answer = (message, response) => {
      take(message, response)
      if (ended !== undefined || receiver.taken.length < seen + 7 * round) return
      ended = kill(victim)
      killedAt.push(receiver.taken.length)
    }
    await waitUntil(() => Promise.resolve(ended !== undefined || receiver.taken.at(-1) === last), {
      what: "the worker is killed",
    })
    await ended
    receiver.answer = take
    worker = await startWorker()
  }
  await fixture.whenThrough(webhook_id, last)
  expect(killedAt.length).toBeGreaterThan(3)
  expect(firstSeen(receiver)).toEqual(upTo(last, firstSeen(receiver).length))
  expect(firstSeen(receiver).length).toBeGreaterThanOrEqual(150)
  expect(receiver.taken.length).toBeGreaterThan(firstSeen(receiver).length)
  const ids = new Map<string, string>()
  for (const message of receiver.received) {
    verifyWithLibrary(secret, message)
    const { event, id } = message
    expect(ids.get(event.id ?? "") ?? id).toBe(id)
    ids.set(event.id ?? "", id)
  }
  expect(new Set(ids.values()).size).toBe(ids.size)
}, 120_000)

it("by two workers at once each message is sent once, and each webhook's in order", async () => {
  const made = await Promise.all(
    Array.from({ length: 8 }, async () => {
      const receiver = await receive()
      return { receiver, webhook: await fixture.make(receiver.url) }
    }),
  )
  await Promise.all([startWorker(longMs), startWorker(longMs)])
  let last = 0n
  for (let burst = 0; burst < 20; burst += 1) last = await fixture.record(15)
  await Promise.all(made.map(({ webhook }) => fixture.whenThrough(webhook.webhook_id, last)))
  for (const { receiver } of made) {
    expect(receiver.taken.length).toBeGreaterThanOrEqual(300)
    expect(receiver.taken).toEqual(upTo(last, receiver.taken.length))
  }
}, 120_000)

it("with a proxy in its environment it goes to the receiver all the same", async () => {
  const [receiver, proxy] = [await receive(), await receive()]
  const { webhook_id } = await fixture.make(receiver.url)
  const { origin: url } = new URL(proxy.url)
  // Node reads them when a process begins, and only then.
  await startWorker(longMs, {
    ...{ NODE_USE_ENV_PROXY: "1", HTTP_PROXY: url, HTTPS_PROXY: url, ALL_PROXY: url },
    ...{ http_proxy: url, https_proxy: url, NO_PROXY: "", no_proxy: "" },
  })
  const last = await fixture.record(1)
  await waitUntil(() => Promise.resolve(receiver.received.length + proxy.received.length > 0), {
    what: "somebody gets it",
  })
  await fixture.whenThrough(webhook_id, last)
  expect([receiver.taken.at(-1), proxy.received.length]).toEqual([last, 0])
})

it("that lags behind its own lease records nothing, and what it had begun is sent again", async () => {
  const receiver = await receive()
  const { webhook_id } = await fixture.make(receiver.url)
  const paused = await startWorker()
  let isPaused = false
  receiver.answer = (message, response) => {
    if (!isPaused) paused.kill("SIGSTOP")
    isPaused = true
    take(message, response)
  }
  const last = await fixture.record(20)
  await waitUntil(() => Promise.resolve(isPaused), { what: "the worker is paused" })
  receiver.answer = take
  await startWorker()
  await fixture.whenThrough(webhook_id, last)
  paused.kill("SIGCONT")
  const later = await fixture.record(20)
  await fixture.whenThrough(webhook_id, later)
  expect(firstSeen(receiver)).toEqual(upTo(later, 40))
  expect(BigInt((await fixture.show(webhook_id)).position)).toBe(later)
}, 120_000)

it("without its database it lives on, and goes on when that is back", async () => {
  const door = await startDatabaseDoor(fixture.api.database.appUrl)
  try {
    const receiver = await receive()
    const { webhook_id } = await fixture.make(receiver.url)
    const worker = await startWorker(shortMs, {}, door.databaseUrl)
    for (let round = 1; round <= 2; round += 1) {
      const refused = door.refused()
      receiver.answer = (message, response) => {
        door.shut()
        take(message, response)
      }
      const last = await fixture.record(1)
      // What is delivered can be recorded nowhere, and the end of its job neither.
      await waitUntil(() => Promise.resolve(door.refused() > refused + 9), {
        what: "it asks for its database",
      })
      receiver.answer = take
      door.open()
      await fixture.whenThrough(webhook_id, last)
    }
    expect(firstSeen(receiver)).toHaveLength(2)
    expect([worker.exitCode, worker.signalCode]).toEqual([null, null])
  } finally {
    await door.close()
  }
}, 120_000)

it("stopped without its database it ends in time, and nothing of it is heard of again", async () => {
  const door = await startDatabaseDoor(fixture.api.database.appUrl)
  try {
    const receiver = await receive()
    await fixture.make(receiver.url)
    const worker = await fixture.run({ databaseUrl: door.databaseUrl })
    const isTaken = Promise.withResolvers<void>()
    receiver.answer = (message, response) => {
      door.shut()
      take(message, response)
      isTaken.resolve()
    }
    await fixture.record(1)
    await isTaken.promise
    const beganMs = performance.now()
    await worker.stop()
    expect(performance.now() - beganMs).toBeLessThan(15_000)
    receiver.answer = take
    door.open()
  } finally {
    await door.close()
  }
})

it("stopped while a receiver says nothing it ends in time, and the next one goes on at once", async () => {
  const receiver = await receive()
  const { webhook_id } = await fixture.make(receiver.url)
  receiver.answer = () => undefined
  const last = await fixture.record(2)
  const worker = await fixture.run({ leaseMs: 60_000, limits: { attemptMs: 30_000, bodyMs: 1_000 } })
  await waitUntil(() => Promise.resolve(receiver.received.length === 1), { what: "the first is sent" })
  const beganMs = performance.now()
  await worker.stop()
  expect(performance.now() - beganMs).toBeLessThan(15_000)
  receiver.answer = take
  await fixture.run()
  await fixture.whenThrough(webhook_id, last)
  expect(receiver.taken).toEqual([last - 1n, last])
  expect(await fixture.deliveries(webhook_id)).toMatchObject([{ attempts_count: 1 }, { attempts_count: 1 }])
})
