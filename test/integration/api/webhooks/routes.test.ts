import { randomBytes } from "node:crypto"
import { sql } from "kysely"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { verifyWebhook } from "../../../../client/src/verify-webhook.ts"
import { startTestApi } from "../../../support/test-api.ts"
import { waitUntil } from "../../../support/wait-until.ts"
import { createWebhookFixture, type WebhookFixture } from "../../../support/webhook-fixture.ts"
import {
  fail,
  startWebhookReceiver,
  take,
  verifyWithLibrary,
  type WebhookReceiver,
} from "../../../support/webhook-receiver.ts"

let fixture: WebhookFixture
let receiver: WebhookReceiver
beforeAll(async () => {
  fixture = await createWebhookFixture()
  await fixture.run()
})
beforeEach(async () => {
  await receiver?.close()
  receiver = await startWebhookReceiver()
})
afterAll(async () => {
  await fixture?.close()
  await receiver?.close()
})

const call = (method: string, path: string, body?: object) =>
  fixture.api.call(method, `/api/v1/webhooks${path}`, body)
const codeOf = ({ body }: { body: { errors?: readonly { code: string }[] } }) => body.errors?.[0]?.code
const none = "0193c5e0-0000-7000-8000-000000000000"

describe("a webhook", () => {
  it("is made, shown, changed, listed and deleted", async () => {
    const settings = {
      url: receiver.url,
      description: "the shop",
      types: ["balance.adjusted"],
      user_id: "user_123",
    }
    const made = (await call("POST", "", settings)).body.data
    expect(made).toMatchObject({
      ...settings,
      status: "healthy",
      token_symbol: null,
      dead_letters: 0,
      failing_since: null,
    })
    expect(made.secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/)
    const { secret, ...rest } = made
    expect((await call("GET", `/${made.webhook_id}`)).body.data).toEqual(rest)
    const changed = await call("PATCH", `/${made.webhook_id}`, { types: null, is_enabled: false })
    expect(changed.body.data).toMatchObject({
      ...rest,
      types: null,
      is_enabled: false,
      status: "disabled",
      disabled_because: "request",
      disabled_at: expect.any(String),
    })
    expect((await call("GET", "?limit=1")).body.data.webhooks[0].webhook_id).toBe(made.webhook_id)
    expect((await call("DELETE", `/${made.webhook_id}`)).body.data).toEqual({
      webhook_id: made.webhook_id,
      is_deleted: true,
    })
    for (const [method, path, body] of [
      ["GET", ""],
      ["PATCH", "", {}],
      ["DELETE", ""],
      ["GET", "/deliveries"],
      ["GET", "/deliveries/1"],
      ["POST", "/test"],
      ["POST", "/rotate-secret"],
      ["POST", "/replay", { after: "0" }],
      ["POST", "/deliveries/1/redeliver"],
    ] as const)
      expect(codeOf(await call(method, `/${made.webhook_id}${path}`, body))).toBe("UNKNOWN_WEBHOOK")
    expect(JSON.stringify((await call("GET", "?limit=500")).body)).not.toContain(secret)
  })

  it("keeps its secret where the database cannot read it", async () => {
    const { webhook_id, secret } = await fixture.make(receiver.url)
    const { rows } = await sql<{
      sealed: Buffer
    }>`SELECT sealed FROM webhooks.secrets WHERE endpoint_id = ${webhook_id}`.execute(fixture.api.db)
    const plain = Buffer.from(secret.slice(6), "base64")
    expect(rows.some(({ sealed }) => sealed.includes(plain) || sealed.includes(secret))).toBe(false)
    const log = await fixture.api.call("GET", "/api/v1/admin/audit-log?limit=500")
    expect(
      log.body.data.entries.some((entry: object) => JSON.stringify(entry).includes(secret.slice(6))),
    ).toBe(false)
  })

  it("begins behind a position where one is named, and with what happens from then on where not", async () => {
    const last = await fixture.record(5)
    const { webhook_id } = await fixture.make(receiver.url, { after: (last - 3n).toString() })
    await fixture.whenThrough(webhook_id, last)
    expect(receiver.taken).toEqual([last - 2n, last - 1n, last])
    expect(codeOf(await call("POST", "", { url: receiver.url, after: "99999999" }))).toBe("UNKNOWN_POSITION")
    expect(codeOf(await call("POST", "", { url: receiver.url, after: "-1" }))).toBe("INVALID_FIELD")
  })

  it.each([
    ["HTTPS://8.8.8.8/", "https://8.8.8.8/"],
    [" \thttps://8.8.8.8/hook", "https://8.8.8.8/hook"],
    ["https:8.8.8.8", "https://8.8.8.8/"],
    ["https:\\\\8.8.8.8\\hook", "https://8.8.8.8/hook"],
    ["https://8.8.8.8", "https://8.8.8.8/"],
    ["https://8.8.8.8:443/a b", "https://8.8.8.8/a%20b"],
  ])("keeps the address as it is asked, in one way of writing: %j", async (written, kept) => {
    const made = await call("POST", "", { url: written, is_enabled: false })
    expect([made.status, made.body.data?.url]).toEqual([200, kept])
    const { webhook_id } = await fixture.make("https://1.1.1.1/", { is_enabled: false })
    const changed = await call("PATCH", `/${webhook_id}`, { url: written })
    expect([changed.status, changed.body.data?.url]).toEqual([200, kept])
    for (const id of [webhook_id, made.body.data.webhook_id]) await call("DELETE", `/${id}`)
  })

  it.each(["backend.example", "https://", "https://[::", `https://8.8.8.8/${"ü".repeat(1_000)}`])(
    "is refused with an address that is none: %j",
    async (url) => {
      const made = await call("POST", "", { url })
      expect([made.status, codeOf(made)]).toEqual([422, "WEBHOOK_TARGET_REFUSED"])
      const { webhook_id } = await fixture.make("https://1.1.1.1/", { is_enabled: false })
      expect(codeOf(await call("PATCH", `/${webhook_id}`, { url }))).toBe("WEBHOOK_TARGET_REFUSED")
      await call("DELETE", `/${webhook_id}`)
    },
  )

  it("is refused with what there is not", async () => {
    for (const wrong of [
      { types: [] },
      { types: ["balance.invented"] },
      { url: "" },
      { url: 7 },
      { description: "x".repeat(501) },
      { is_enabled: "yes" },
      { chain_id: -1 },
    ])
      expect(codeOf(await call("POST", "", { url: receiver.url, ...wrong }))).toBe("INVALID_FIELD")
    expect(codeOf(await call("POST", "", { url: receiver.url, secret: "mine" }))).toBe("UNKNOWN_FIELD")
  })

  it("cannot be made without a key to keep secrets under, nor beyond the limit", async () => {
    const api = await startTestApi()
    const url = "https://8.8.8.8/"
    expect(codeOf(await api.call("POST", "/api/v1/webhooks", { url }))).toBe("WEBHOOKS_UNAVAILABLE")
    await api.close()
    const limited = await startTestApi({
      limits: { webhooksMax: 2 },
      webhooks: { secretKeys: [randomBytes(32)] },
    })
    const made = await Promise.all([1, 2, 3, 4].map(() => limited.call("POST", "/api/v1/webhooks", { url })))
    expect(made.map(({ status }) => status).sort()).toEqual([200, 200, 409, 409])
    expect(made.map(codeOf).filter((code) => code !== undefined)).toEqual([
      "TOO_MANY_WEBHOOKS",
      "TOO_MANY_WEBHOOKS",
    ])
    await limited.close()
  })

  it("that is disabled gets nothing, and everything when it is enabled again", async () => {
    const { webhook_id } = await fixture.make(receiver.url)
    await fixture.whenThrough(webhook_id, await fixture.record(2))
    await call("PATCH", `/${webhook_id}`, { is_enabled: false })
    const before = receiver.taken.length
    const last = await fixture.record(7)
    const [delivery] = await fixture.deliveries(webhook_id)
    for (const path of ["/test", `/deliveries/${delivery.delivery_id}/redeliver`])
      expect(codeOf(await call("POST", `/${webhook_id}${path}`))).toBe("WEBHOOK_DISABLED")
    expect(receiver.taken.length).toBe(before)
    await call("PATCH", `/${webhook_id}`, { is_enabled: true })
    await fixture.whenThrough(webhook_id, last)
    expect(receiver.taken.slice(before)).toEqual([6n, 5n, 4n, 3n, 2n, 1n, 0n].map((back) => last - back))
  })

  it("that is deleted gets nothing more, and its log goes", async () => {
    const { webhook_id } = await fixture.make(receiver.url)
    await fixture.whenThrough(webhook_id, await fixture.record(1))
    receiver.answer = fail(500)
    await fixture.record(1)
    await waitUntil(async () => (await fixture.show(webhook_id)).failing_since !== null, { what: "it fails" })
    await call("DELETE", `/${webhook_id}`)
    receiver.answer = take
    const before = receiver.received.length
    const other = await fixture.make(receiver.url)
    await fixture.whenThrough(other.webhook_id, await fixture.record(1))
    expect(receiver.received.slice(before).map(({ id }) => id)).toEqual([
      expect.stringContaining(other.webhook_id.replaceAll("-", "")),
    ])
    const { rows } = await sql`SELECT FROM webhooks.secrets WHERE endpoint_id = ${webhook_id}`.execute(
      fixture.api.db,
    )
    expect(rows).toEqual([])
  })
})

describe("a secret that is rotated", () => {
  it("signs beside the new one until the overlap is over", async () => {
    const { webhook_id, secret: older } = await fixture.make(receiver.url)
    await fixture.whenThrough(webhook_id, await fixture.record(1))
    const { secret: newer, overlap_ends_at } = (await call("POST", `/${webhook_id}/rotate-secret`)).body.data
    expect(Date.parse(overlap_ends_at) - Date.now()).toBeGreaterThan(86_000_000)
    expect(newer).not.toBe(older)
    await fixture.whenThrough(webhook_id, await fixture.record(1))
    const [before, during] = [receiver.received.at(-2), receiver.received.at(-1)]
    if (before === undefined || during === undefined) throw new Error("nothing came")
    expect(String(during.headers["webhook-signature"]).split(" ")).toHaveLength(2)
    for (const secret of [older, newer]) verifyWithLibrary(secret, during)
    expect(await verifyWebhook({ body: during.body, headers: during.headers, secret: newer })).toMatchObject({
      event: during.event,
      messageId: during.id,
    })
    expect(() => verifyWithLibrary(newer, before)).toThrow()
    await sql`UPDATE webhooks.secrets SET expires_at = now() WHERE endpoint_id = ${webhook_id} AND expires_at IS NOT NULL`.execute(
      fixture.api.db,
    )
    await fixture.whenThrough(webhook_id, await fixture.record(1))
    const after = receiver.received.at(-1)
    if (after === undefined) throw new Error("nothing came")
    verifyWithLibrary(newer, after)
    expect(() => verifyWithLibrary(older, after)).toThrow()
    expect((await fixture.show(webhook_id)).secrets).toHaveLength(1)
  })

  it("signs no more at once where no overlap is wanted, and never are there more than five", async () => {
    const { webhook_id } = await fixture.make(receiver.url)
    for (let times = 0; times < 8; times += 1) await call("POST", `/${webhook_id}/rotate-secret`)
    expect((await fixture.show(webhook_id)).secrets).toHaveLength(5)
    const { secret } = (await call("POST", `/${webhook_id}/rotate-secret`, { overlap_seconds: 0 })).body.data
    // Also of those that an earlier rotation had left for longer.
    expect((await fixture.show(webhook_id)).secrets).toHaveLength(1)
    await fixture.whenThrough(webhook_id, await fixture.record(1))
    const [message] = receiver.received
    if (message === undefined) throw new Error("nothing came")
    verifyWithLibrary(secret, message)
    expect(String(message.headers["webhook-signature"]).split(" ")).toHaveLength(1)
    expect(codeOf(await call("POST", `/${webhook_id}/rotate-secret`, { overlap_seconds: 604_801 }))).toBe(
      "INVALID_FIELD",
    )
  })
})

describe("a test", () => {
  it("is sent once and shown in the log", async () => {
    const { webhook_id, secret } = await fixture.make(receiver.url)
    const asked = await call("POST", `/${webhook_id}/test`)
    expect([asked.status, asked.body.data.status]).toEqual([202, "waiting"])
    const { delivery_id, message_id } = asked.body.data
    const shown = await waitUntil(
      async () => {
        const { data } = (await call("GET", `/${webhook_id}/deliveries/${delivery_id}`)).body
        return data.status === "waiting" ? false : data
      },
      { what: "the test is sent" },
    )
    expect(shown).toMatchObject({
      status: "succeeded",
      position: null,
      type: "webhook.test",
      attempts_count: 1,
    })
    const [message] = receiver.received
    if (message === undefined) throw new Error("nothing came")
    expect(message.id).toBe(message_id)
    verifyWithLibrary(secret, message)
    const { event } = await verifyWebhook({ body: message.body, headers: message.headers, secret })
    expect(event).toMatchObject({ id: null, type: "webhook.test", data: { webhook_id, delivery_id } })
  })

  it("that fails is not tried again", async () => {
    const { webhook_id } = await fixture.make(receiver.url)
    receiver.answer = fail(500)
    const { delivery_id } = (await call("POST", `/${webhook_id}/test`)).body.data
    await waitUntil(
      async () => (await call("GET", `/${webhook_id}/deliveries/${delivery_id}`)).body.data.status === "dead",
      { what: "the test has failed" },
    )
    expect(await fixture.show(webhook_id)).toMatchObject({ status: "healthy", next_attempt_at: null })
  })
})

describe("what was delivered", () => {
  it("is delivered once more where it is asked for, under the same id, and does not change what comes next", async () => {
    const { webhook_id } = await fixture.make(receiver.url)
    const last = await fixture.record(3)
    await fixture.whenThrough(webhook_id, last)
    const [, second] = await fixture.deliveries(webhook_id)
    receiver.answer = fail(500)
    const path = `/${webhook_id}/deliveries/${second.delivery_id}/redeliver`
    expect((await call("POST", path)).status).toBe(202)
    await waitUntil(async () => (await fixture.deliveries(webhook_id))[1].attempts_count === 2, {
      what: "it is sent",
    })
    // A success stays one.
    expect((await fixture.deliveries(webhook_id))[1]).toMatchObject({
      status: "succeeded",
      attempts: [
        { is_requested: true, error: "STATUS" },
        { is_requested: false, error: null },
      ],
    })
    receiver.answer = take
    await call("POST", path)
    await waitUntil(async () => (await fixture.deliveries(webhook_id))[1].attempts_count === 3, {
      what: "it is sent",
    })
    expect(receiver.received.filter(({ id }) => id === second.message_id)).toHaveLength(3)
    expect(codeOf(await call("POST", `/${webhook_id}/deliveries/999999/redeliver`))).toBe("UNKNOWN_DELIVERY")
    expect(codeOf(await call("GET", `/${webhook_id}/deliveries/999999`))).toBe("UNKNOWN_DELIVERY")
  })

  it("and waits to be retried, is tried at once where that is asked for", async () => {
    const { webhook_id } = await fixture.make(receiver.url)
    receiver.answer = fail(503, { "retry-after": "3600" })
    const last = await fixture.record(1)
    await waitUntil(async () => (await fixture.show(webhook_id)).next_attempt_at !== null, {
      what: "it waits",
    })
    receiver.answer = take
    const [delivery] = await fixture.deliveries(webhook_id)
    expect(Date.parse(delivery.next_attempt_at) - Date.now()).toBeGreaterThan(3_000_000)
    await call("POST", `/${webhook_id}/deliveries/${delivery.delivery_id}/redeliver`)
    await fixture.whenThrough(webhook_id, last)
    expect(receiver.taken).toEqual([last])
  })

  it("is delivered again from a position on, in order", async () => {
    const { webhook_id } = await fixture.make(receiver.url)
    const last = await fixture.record(6)
    await fixture.whenThrough(webhook_id, last)
    receiver.answer = fail(500)
    await fixture.record(1)
    await waitUntil(async () => (await fixture.show(webhook_id)).failing_since !== null, { what: "it fails" })
    receiver.answer = take
    const ids = receiver.received.map(({ id }) => id)
    const before = receiver.taken.length
    const after = (last - 4n).toString()
    expect((await call("POST", `/${webhook_id}/replay`, { after })).body.data.position).toBe(after)
    await fixture.whenThrough(webhook_id, last + 1n)
    expect(receiver.taken.slice(before)).toEqual([3n, 2n, 1n, 0n, -1n].map((back) => last - back))
    expect(receiver.received.slice(-5).map(({ id }) => id)).toEqual(ids.slice(-5))
    expect((await fixture.show(webhook_id)).dead_letters).toBe(0)
    expect(codeOf(await call("POST", `/${webhook_id}/replay`, { after: "99999999" }))).toBe(
      "UNKNOWN_POSITION",
    )
    const other = await fixture.make("https://8.8.8.8/", { after: "1", is_enabled: false })
    expect(codeOf(await call("POST", `/${other.webhook_id}/replay`, { after: "2" }))).toBe("INVALID_FIELD")
  })

  it("is listed page by page, newest first, and by what became of it", async () => {
    const { webhook_id } = await fixture.make(receiver.url)
    await fixture.whenThrough(webhook_id, await fixture.record(25))
    const all = await fixture.deliveries(webhook_id)
    const paged: unknown[] = []
    for (let cursor = ""; ; ) {
      const { deliveries, pagination } = (await call("GET", `/${webhook_id}/deliveries?limit=10${cursor}`))
        .body.data
      paged.push(...deliveries)
      if (!pagination.has_more) break
      cursor = `&cursor=${pagination.next_cursor}`
    }
    expect(paged).toEqual(all)
    expect(all.map(({ position }) => BigInt(position))).toEqual(receiver.taken.toReversed())
    expect(await fixture.deliveries(webhook_id, "status=dead")).toEqual([])
    expect(codeOf(await call("GET", `/${webhook_id}/deliveries?cursor=abc`))).toBe("INVALID_CURSOR")
    expect(codeOf(await call("GET", `/${none}/deliveries`))).toBe("UNKNOWN_WEBHOOK")
  })
})
