import { afterAll, beforeAll, expect, test } from "vitest"
import { callApi } from "../support/call-api.ts"
import { endStack, startStack } from "../support/stack.ts"
import { waitUntil } from "../support/wait-until.ts"
import { startWebhookReceiver, verifyWithLibrary, type WebhookReceiver } from "../support/webhook-receiver.ts"

let receiver: WebhookReceiver
beforeAll(async () => {
  receiver = await startWebhookReceiver()
})
afterAll(() => receiver.close())

test("what happens in the stack of npm start is sent to a receiver on this machine, up to its settlement", async () => {
  const started = startStack(["--ephemeral", "--port", "0"])
  try {
    const stack = await started.ready
    const call = async (path: string, body: object) => {
      const reply = await callApi(stack.api_url, stack.api_key, "POST", `/api/v1${path}`, body)
      expect(reply.status, JSON.stringify(reply.body)).toBeLessThan(300)
      return reply.body.data
    }
    const { secret } = await call("/webhooks", { url: receiver.url, user_id: "ann" })
    const change = { user_id: "ann", token_symbol: "CPOP", amount: "+1", reason_type: "reward" }
    await call("/balance/adjust", { adjustments: [change] })
    await call("/batches/flush", {})
    const types = () => receiver.received.map(({ event }) => event.type)
    await waitUntil(() => Promise.resolve(types().includes("settlement.confirmed")), {
      what: "the settlement is told",
      timeoutMs: 60_000,
      describe: () => Promise.resolve(types()),
    })
    for (const message of receiver.received) expect(verifyWithLibrary(secret, message)).toEqual(message.event)
    expect(types()).toEqual([
      "account.opened",
      "balance.adjusted",
      "settlement.sealed",
      "settlement.confirmed",
    ])
  } finally {
    await endStack(started)
  }
})
