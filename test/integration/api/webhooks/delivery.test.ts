import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { createWebhookFixture, type WebhookFixture } from "../../../support/webhook-fixture.ts"
import {
  startWebhookReceiver,
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
