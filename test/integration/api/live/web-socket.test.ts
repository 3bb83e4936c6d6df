import { sql } from "kysely"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { hashApiKey } from "../../../../api/identity/api-key.ts"
import { type LiveSocketClient, openLiveSocket } from "../../../support/live-socket-client.ts"
import { seedKey } from "../../../support/seed-registry.ts"
import { startTestApi, type TestApi } from "../../../support/test-api.ts"

let api: TestApi
const open: LiveSocketClient[] = []
beforeAll(async () => {
  api = await startTestApi({
    limits: {
      ...{ heartbeatMs: 200, keyMaxAgeMs: 50, readerStallMs: 30_000 },
      ...{ subscriptionsPerSocketMax: 3, subscriberBufferBytes: 8_192 },
    },
  })
})
afterAll(async () => {
  for (const socket of open) socket.cut()
  await api?.close()
})

let made = 0
let user = ""
beforeEach(() => {
  made += 1
  user = `user_${made}`
})

async function connect(options: Parameters<typeof openLiveSocket>[1] = { apiKey: api.apiKey }) {
  const socket = await openLiveSocket(api.server.url, options)
  open.push(socket)
  return socket
}
const change = (amount: string, userId = user) =>
  api.adjust({
    adjustments: [{ user_id: userId, token_symbol: "CPOP", amount, reason_type: "reward" }],
  })
const headOf = async () => (await api.call("GET", "/api/v1/audit/head")).body.data.position as string

describe("a connection", () => {
  it("carries several subscriptions, each with its own events", async () => {
    const socket = await connect()
    socket.send({ type: "subscribe", id: "mine", user_id: user, types: ["balance.adjusted"] })
    socket.send({ type: "subscribe", id: "all", types: ["account.opened"] })
    expect(await socket.until(2)).toEqual([
      { type: "subscribed", id: "mine", position: await headOf() },
      { type: "subscribed", id: "all", position: await headOf() },
    ])
    await change("+2")
    await change("+3", `${user}_other`)
    const events = (await socket.until(5)).slice(2)
    expect(events.map(({ id, event }) => [id, event.type, event.data.user_id])).toEqual([
      ["all", "account.opened", user],
      ["mine", "balance.adjusted", user],
      ["all", "account.opened", `${user}_other`],
    ])
  })

  it("resumes a subscription behind the last event", async () => {
    const first = await connect()
    first.send({ type: "subscribe", id: "s", user_id: user, types: ["balance.adjusted"] })
    await first.until(1)
    await change("+1")
    const { event } = (await first.until(2))[1]
    first.cut()
    await change("+2")
    const second = await connect()
    second.send({ type: "subscribe", id: "s", user_id: user, after: event.id })
    const [subscribed, missed] = await second.until(2)
    expect(subscribed).toEqual({ type: "subscribed", id: "s", position: event.id })
    expect(missed.event.data.amount).toBe("+2.000000000000000000")
  })

  it("says in heartbeats how far it is, and answers a ping", async () => {
    const socket = await connect()
    socket.send({ type: "subscribe", id: "quiet", user_id: user })
    await socket.until(1)
    await change("+1", `${user}_other`)
    const head = await headOf()
    await expect
      .poll(() => socket.heartbeats.at(-1))
      .toEqual({ type: "heartbeat", positions: { quiet: head } })
    socket.send({ type: "ping" })
    expect((await socket.until(2))[1]).toEqual({ type: "pong" })
  })

  it("ends a subscription that is ended, and goes on with the others", async () => {
    const socket = await connect()
    for (const id of ["a", "b"]) socket.send({ type: "subscribe", id, types: ["balance.adjusted"] })
    socket.send({ type: "unsubscribe", id: "a" })
    expect((await socket.until(3))[2]).toEqual({ type: "unsubscribed", id: "a", position: await headOf() })
    await change("+1")
    await change("+1")
    expect((await socket.until(5)).slice(3).map(({ id }) => id)).toEqual(["b", "b"])
  })

  it("of a browser names its key among the protocols", async () => {
    const socket = await connect({ protocols: ["chainbridge.v1", `bearer.${api.apiKey}`] })
    expect(socket.protocol).toBe("chainbridge.v1")
    socket.send({ type: "ping" })
    expect(await socket.until(1)).toEqual([{ type: "pong" }])
  })
})

describe("a slow reader", () => {
  it("gets everything once and in order when he reads again", async () => {
    const socket = await connect()
    const from = Number(await headOf())
    socket.send({ type: "subscribe", id: "all" })
    await socket.until(1)
    socket.stall()
    // More than the buffers of the socket hold.
    const count = 400
    const detail = "x".repeat(500)
    for (let at = 0; at < count; at += 100)
      await api.adjust({
        adjustments: Array.from({ length: 100 }, () => ({
          ...{ user_id: user, token_symbol: "CPOP", amount: "+1" },
          ...{ reason_type: "reward", reason_detail: detail },
        })),
      })
    socket.resume()
    const events = (await socket.until(count + 2)).slice(1)
    expect(events.map(({ event }) => Number(event.id))).toEqual(
      Array.from({ length: count + 1 }, (_, index) => from + 1 + index),
    )
  })
})

describe("it is closed", () => {
  it("when its key is revoked", async () => {
    const key = await seedKey(api.db, api.app)
    const socket = await connect({ apiKey: key })
    await api.db
      .updateTable("registry.api_keys")
      .set({ revoked_at: new Date() })
      .where("key_hash", "=", hashApiKey(key))
      .execute()
    expect(await socket.closed).toMatchObject({ code: 4401 })
  })

  it("when it is told more than it can answer", async () => {
    const socket = await connect()
    for (let each = 0; each < 200; each += 1) socket.send({ type: "ping" })
    expect(await socket.closed).toMatchObject({ code: 1008 })
  })

  it("when a message is larger than any that it knows", async () => {
    const socket = await connect()
    socket.send({ type: "ping", padding: "x".repeat(20_000) })
    expect(await socket.closed).toMatchObject({ code: 1009 })
  })
})

describe("it refuses", () => {
  it.each([
    ["what is no JSON", "{", null, "MALFORMED_JSON", null],
    ["a name that is not kept", '{"a":1,"\\\\":2}', null, "MALFORMED_TEXT", null],
    ["what it does not know", { type: "listen", id: "x" }, "x", "INVALID_FIELD", "type"],
    ["an unknown field", { type: "subscribe", id: "x", user: "u" }, "x", "UNKNOWN_FIELD", "user"],
    [
      "a type of event that there is not",
      { type: "subscribe", id: "x", types: ["a"] },
      "x",
      "INVALID_FIELD",
      "types[0]",
    ],
    ["a position that is none", { type: "subscribe", id: "x", after: "-1" }, "x", "INVALID_FIELD", "after"],
    [
      "a position past the end",
      { type: "subscribe", id: "x", after: "99999999" },
      "x",
      "UNKNOWN_POSITION",
      "after",
    ],
    ["to end what is not there", { type: "unsubscribe", id: "x" }, "x", "INVALID_FIELD", "id"],
  ])("%s, and goes on", async (_, message, id, code, field) => {
    const socket = await connect()
    socket.send(message)
    socket.send({ type: "ping" })
    const [error, pong] = await socket.until(2)
    expect([error.type, error.id, error.code, error.errors[0].field]).toEqual(["error", id, code, field])
    expect(pong).toEqual({ type: "pong" })
  })

  it("a subscription beyond the limit of the key", async () => {
    const key = await seedKey(api.db, api.app)
    await sql`INSERT INTO registry.key_rate_limits (key_id, requests_per_second, burst)
      SELECT key_id, 1, 2 FROM registry.api_keys WHERE key_hash = ${hashApiKey(key)}`.execute(api.db)
    await sql`SELECT pg_notify('registry_changed', '')`.execute(api.db)
    await expect
      .poll(async () =>
        (await api.call("GET", "/api/v1/reasons", undefined, { authorization: `Bearer ${key}` })).headers.has(
          "ratelimit-limit",
        ),
      )
      .toBe(true)
    await new Promise((resolve) => setTimeout(resolve, 2_000))
    const socket = await connect({ apiKey: key })
    for (const id of ["a", "b", "c"]) socket.send({ type: "subscribe", id })
    expect(await socket.until(3)).toMatchObject([
      { type: "subscribed", id: "a" },
      { type: "error", id: "b", code: "RATE_LIMITED" },
      { type: "error", id: "c", code: "RATE_LIMITED" },
    ])
    socket.cut()
  })

  it("a second subscription of an id, and more of them than a connection may have", async () => {
    const socket = await connect()
    for (const id of ["a", "a", "b", "c", "d"]) socket.send({ type: "subscribe", id })
    const replies = await socket.until(5)
    expect(replies.map(({ type, id, code }) => [type, id, code])).toEqual([
      ["subscribed", "a", undefined],
      ["error", "a", "INVALID_FIELD"],
      ["subscribed", "b", undefined],
      ["subscribed", "c", undefined],
      ["error", "d", "OVERLOADED"],
    ])
  })

  it("a handshake without a key, with a wrong one, or without the right", async () => {
    await expect(connect({})).rejects.toThrow("status 401")
    await expect(connect({ protocols: ["bearer.cb_wrong"] })).rejects.toThrow("status 401")
    const key = await seedKey(api.db, api.app, ["webhooks:write"])
    await expect(connect({ apiKey: key })).rejects.toThrow("status 403")
  })

  it("plain HTTP", async () => {
    const { status, body, headers } = await api.call("GET", "/api/v1/ws")
    expect([status, body.errors?.[0]?.code, headers.get("upgrade")]).toEqual([
      ...[426, "UPGRADE_REQUIRED", "websocket"],
    ])
  })
})
