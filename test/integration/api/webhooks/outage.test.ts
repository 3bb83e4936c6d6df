import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { waitUntil } from "../../../support/wait-until.ts"
import { createWebhookFixture, type WebhookFixture, whenTaken } from "../../../support/webhook-fixture.ts"
import {
  fail,
  startWebhookReceiver,
  take,
  verifyWithLibrary,
  type WebhookReceiver,
} from "../../../support/webhook-receiver.ts"

const hourMs = 3_600_000
let fixture: WebhookFixture
const receivers: WebhookReceiver[] = []
beforeAll(async () => {
  fixture = await createWebhookFixture()
  await fixture.run({ random: () => 0 })
})
afterAll(async () => {
  await fixture?.close()
  await Promise.all(receivers.map((receiver) => receiver.close()))
})

async function receive(port?: number): Promise<WebhookReceiver> {
  const receiver = await startWebhookReceiver(port)
  receivers.push(receiver)
  return receiver
}

type Alarm = { kind: string; subject: string; cleared_at: string | null }
const openAlarms = async (webhookId: string): Promise<string[]> =>
  ((await fixture.api.call("GET", "/api/v1/alarms?status=open&limit=500")).body.data.alarms as Alarm[])
    .filter(({ subject }) => subject === webhookId)
    .map(({ kind }) => kind)

/** Until the delivery that is retried has failed so often, and waits. */
async function whenFailed(webhookId: string, attempts: number): Promise<void> {
  await waitUntil(
    async () => {
      const [delivery] = await fixture.deliveries(webhookId, "status=retrying")
      return (
        (delivery?.attempts_count ?? 0) >= attempts &&
        (await fixture.show(webhookId)).next_attempt_at !== null
      )
    },
    { what: `${attempts} attempts have failed`, describe: () => fixture.deliveries(webhookId) },
  )
}

/** Through the waits of one message, one after the other. @returns how long it waited each time, in ms */
async function passSchedule(webhookId: string, waits: number, failedBefore = 0): Promise<number[]> {
  const waited: number[] = []
  for (let failed = failedBefore + 1; failed <= failedBefore + waits; failed += 1) {
    await whenFailed(webhookId, failed)
    waited.push((await fixture.passTime(webhookId)) ?? Number.NaN)
  }
  return waited
}

const near = (ms: number) => expect.closeTo(ms / 1_000, -1)
const rounded = (waits: readonly number[]) => waits.map((ms) => ms / 1_000)
const schedule = [5_000, 300_000, 1_800_000, 2 * hourMs, 5 * hourMs, 10 * hourMs, 10 * hourMs]

describe("a receiver that is down", () => {
  it("for a day gets everything, in order and each once, when it is back", async () => {
    const receiver = await receive()
    const { webhook_id, secret } = await fixture.make(receiver.url)
    await fixture.whenThrough(webhook_id, await fixture.record(3))
    const before = receiver.taken.length
    await receiver.close()
    await fixture.record(200)
    // Within its schedule: 17.5 hours, and then it waits ten more.
    const waited = await passSchedule(webhook_id, 6)
    expect(rounded(waited)).toEqual(schedule.slice(0, 6).map(near))
    await whenFailed(webhook_id, 7)
    expect(await fixture.show(webhook_id)).toMatchObject({
      status: "failing",
      is_enabled: true,
      dead_letters: 0,
    })
    const { webhooks } = (await fixture.api.call("GET", "/api/v1/system/health")).body.data
    expect(webhooks).toMatchObject({ enabled: 1, failing: 1, disabled: 0, dead_letters: 0 })
    expect(webhooks.undelivered_seconds).toBeGreaterThan(0)
    const again = await receive(receiver.port)
    const last = await fixture.record(200)
    expect(again.received).toEqual([])
    await fixture.passTime(webhook_id)
    await fixture.whenThrough(webhook_id, last)
    const first = receiver.taken[0] ?? 0n
    const seen = [...receiver.taken.slice(0, before), ...again.taken]
    expect(seen).toEqual(seen.map((_, index) => first + BigInt(index)))
    expect(seen.at(-1)).toBe(last)
    for (const message of again.received) verifyWithLibrary(secret, message)
    expect(await fixture.show(webhook_id)).toMatchObject({
      status: "healthy",
      failing_since: null,
      dead_letters: 0,
    })
    const [delivery] = (await fixture.deliveries(webhook_id)).filter(
      ({ attempts_count }) => attempts_count > 1,
    )
    expect(delivery).toMatchObject({ status: "succeeded", attempts_count: 8 })
  })

  it("for longer finds what was given up among the dead letters, and the rest in order", async () => {
    const receiver = await receive()
    receiver.answer = fail(500, {}, "out of order")
    const { webhook_id } = await fixture.make(receiver.url)
    const last = await fixture.record(5)
    expect(rounded(await passSchedule(webhook_id, 7))).toEqual(schedule.map(near))
    await waitUntil(async () => (await fixture.show(webhook_id)).dead_letters === 1, {
      what: "one is given up",
    })
    const [dead] = await fixture.deliveries(webhook_id, "status=dead")
    expect(dead).toMatchObject({ attempts_count: 8, position: (last - 4n).toString() })
    expect(dead.attempts[0]).toMatchObject({
      ...{ attempt: 8, response_status: 500, error: "STATUS", excerpt: "out of order", is_requested: false },
    })
    expect(await openAlarms(webhook_id)).toEqual(["webhook_failing"])
    await whenFailed(webhook_id, 1)
    receiver.answer = take
    await fixture.passTime(webhook_id)
    await fixture.whenThrough(webhook_id, last)
    expect(receiver.taken).toEqual([last - 3n, last - 2n, last - 1n, last])
    expect(await openAlarms(webhook_id)).toEqual([])
    const path = `/api/v1/webhooks/${webhook_id}/deliveries/${dead?.delivery_id}/redeliver`
    expect((await fixture.api.call("POST", path)).status).toBe(202)
    await whenTaken(receiver, 5)
    expect(receiver.received.at(-1)?.id).toBe(dead?.message_id)
    await waitUntil(async () => (await fixture.show(webhook_id)).dead_letters === 0, {
      what: "none is left",
    })
  })

  it("for five days is disabled, which an alarm tells; enabled again it goes on where it was", async () => {
    const receiver = await receive()
    receiver.answer = fail(503)
    const { webhook_id } = await fixture.make(receiver.url)
    const last = await fixture.record(10)
    for (let message = 1; message <= 5; message += 1) {
      await passSchedule(webhook_id, 7)
      await waitUntil(async () => (await fixture.show(webhook_id)).dead_letters === message, {
        what: `${message} are given up`,
        describe: () => fixture.show(webhook_id),
      })
    }
    const shown = await fixture.show(webhook_id)
    expect(shown).toMatchObject({ is_enabled: false, status: "disabled", disabled_because: "failing" })
    expect(shown).toMatchObject({ position: (last - 5n).toString() })
    expect(await openAlarms(webhook_id)).toEqual(["webhook_disabled"])
    receiver.answer = take
    const later = await fixture.record(3)
    expect(receiver.taken).toEqual([])
    await fixture.api.call("PATCH", `/api/v1/webhooks/${webhook_id}`, { is_enabled: true })
    await fixture.whenThrough(webhook_id, later)
    expect(receiver.taken).toEqual(
      [4n, 3n, 2n, 1n, 0n].map((back) => last - back).concat(later - 2n, later - 1n, later),
    )
    expect(await openAlarms(webhook_id)).toEqual([])
  })
})

describe("a receiver that says what it wants", () => {
  it("is left alone for as long as Retry-After says, and no longer than twelve hours", async () => {
    const receiver = await receive()
    const { webhook_id } = await fixture.make(receiver.url)
    const first = fail(429, { "retry-after": "600" })
    const later = fail(503, { "retry-after": "999999" })
    // The second attempt may come before somebody here has seen that the first one's wait is over.
    receiver.answer = (message, response) =>
      (receiver.received.length === 1 ? first : later)(message, response)
    await fixture.record(1)
    expect(rounded(await passSchedule(webhook_id, 2))).toEqual([near(600_000), near(12 * hourMs)])
  })

  it("with 410 gets nothing more until somebody enables it", async () => {
    const receiver = await receive()
    const { webhook_id } = await fixture.make(receiver.url)
    receiver.answer = fail(410)
    const last = await fixture.record(2)
    await waitUntil(async () => (await fixture.show(webhook_id)).disabled_because === "gone", {
      what: "it is disabled",
    })
    expect(await openAlarms(webhook_id)).toEqual(["webhook_disabled"])
    receiver.answer = take
    const beside = await receive()
    const { webhook_id: other } = await fixture.make(beside.url)
    // Each time that another one gets something, the worker has looked for all that is due.
    for (let looked = 0; looked < 2; looked += 1) await fixture.whenThrough(other, await fixture.record(1))
    expect(beside.taken.length).toBe(2)
    expect(receiver.received.length).toBe(1)
    await fixture.api.call("PATCH", `/api/v1/webhooks/${webhook_id}`, { is_enabled: true })
    await fixture.whenThrough(webhook_id, last + 2n)
    expect(receiver.taken).toEqual([last - 1n, last, last + 1n, last + 2n])
  })

  it.each([
    ["a redirect", fail(307, { location: "http://127.0.0.1:1/" })],
    ["not modified", fail(304)],
    ["a fault of the sender", fail(400)],
  ])("with %s has not taken the message", async (_, answer) => {
    const receiver = await receive()
    const { webhook_id } = await fixture.make(receiver.url)
    receiver.answer = answer
    await fixture.record(1)
    await whenFailed(webhook_id, 1)
    expect(receiver.received.length).toBe(1)
    await fixture.api.call("DELETE", `/api/v1/webhooks/${webhook_id}`)
  })
})
