import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { waitUntil } from "../../../support/wait-until.ts"
import { createWebhookFixture, type WebhookFixture } from "../../../support/webhook-fixture.ts"
import {
  startWebhookReceiver,
  take,
  verifyWithLibrary,
  type WebhookReceiver,
} from "../../../support/webhook-receiver.ts"

let fixture: WebhookFixture
const receivers: WebhookReceiver[] = []
beforeAll(async () => {
  fixture = await createWebhookFixture()
  await fixture.run()
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

describe("a webhook", () => {
  it("is not sent what was erased while its page was under way, and misses nothing", async () => {
    const words = "Ann Example, Main Street 1"
    const receiver = await receive()
    const released = Promise.withResolvers<void>()
    receiver.answer = (request, response) => {
      if (receiver.received.length > 1) take(request, response)
      else void released.promise.then(() => take(request, response))
    }
    const { webhook_id } = await fixture.make(receiver.url)
    const change = { user_id: "erased", token_symbol: "CPOP", amount: "+1", reason_type: "reward" }
    await fixture.api.adjust({
      adjustments: Array.from({ length: 30 }, () => ({ ...change, reason_detail: words })),
    })
    await waitUntil(async () => receiver.received.length === 1, { what: "the first one is under way" })
    const erasure = { user_id: "erased", reason: "asked to" }
    expect((await fixture.api.call("POST", "/api/v1/admin/redactions", erasure)).status).toBe(202)
    await new Promise((resolve) => setTimeout(resolve, 300))
    released.resolve()
    const last = await fixture.record(1)
    await fixture.whenThrough(webhook_id, last)
    expect(receiver.received.slice(1).filter(({ body }) => body.includes(words))).toEqual([])
    expect(receiver.received.filter(({ event }) => event.type === "balance.adjusted")).toHaveLength(31)
  })

  it("gets what the live feed shows, in its order, signed as Standard Webhooks says", async () => {
    const receiver = await receive()
    const { webhook_id, secret } = await fixture.make(receiver.url)
    const last = await fixture.record(120)
    await fixture.whenThrough(webhook_id, last)
    expect(receiver.received.length).toBeGreaterThanOrEqual(120)
    for (const message of receiver.received) expect(verifyWithLibrary(secret, message)).toEqual(message.event)
    const positions = receiver.received.map(({ event }) => BigInt(event.id ?? "0"))
    expect(positions).toEqual(positions.map((_, index) => last - BigInt(positions.length - 1 - index)))
    const ids = receiver.received.map(({ id }) => id)
    expect(ids).toEqual(positions.map((position) => `msg_${webhook_id.replaceAll("-", "")}_${position}`))
    const { received } = receiver
    expect(received.at(-1)?.event).toMatchObject({
      type: "balance.adjusted",
      data: { user_id: "user_123", token_symbol: "CPOP", amount: "+1.000000000000000000" },
    })
  })
})
