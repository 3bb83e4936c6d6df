import { createHash } from "node:crypto"
import { setTimeout as sleep } from "node:timers/promises"
import { sql } from "kysely"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { type EventStreamReader, readEventStream } from "../../../support/event-stream-reader.ts"
import { seedApp, seedKey } from "../../../support/seed-registry.ts"
import { type HandSettlement, handTransaction, settleByHand } from "../../../support/settle-by-hand.ts"
import { startTestApi, type TestApi } from "../../../support/test-api.ts"

let api: TestApi
let settlement: HandSettlement
const open: EventStreamReader[] = []
beforeAll(async () => {
  api = await startTestApi({ limits: { heartbeatMs: 100, keyMaxAgeMs: 50, subscriptionsMax: 20 } })
  settlement = await settleByHand(api.db, api.app.ledgerId, api.tokens.cpop.tokenId)
})
afterAll(async () => {
  for (const reader of open) reader.cut()
  await api?.close()
})

let made = 0
let user = ""
beforeEach(() => {
  made += 1
  user = `user_${made}`
})

async function follow(query = "", lastEventId?: string, apiKey = api.apiKey): Promise<EventStreamReader> {
  const reader = await readEventStream(`${api.server.url}/api/v1/stream${query}`, { apiKey, lastEventId })
  open.push(reader)
  return reader
}
const change = (amount: string, more: object = {}) =>
  api.adjust({
    adjustments: [{ user_id: user, token_symbol: "CPOP", amount, reason_type: "reward", ...more }],
  })
const idsOf = (reader: EventStreamReader) => reader.events.map(({ id }) => Number(id))

describe("a subscriber", () => {
  it("hears of what happens to a user, from the change to its confirmation, in the words of the API", async () => {
    const stream = await follow(`?user_id=${user}`)
    expect(stream.status).toBe(200)
    expect(stream.headers.get("content-type")).toBe("text/event-stream; charset=utf-8")
    const answer = await api.adjust({
      operation_id: `daily-${user}`,
      adjustments: [
        {
          ...{ user_id: user, token_symbol: "CPOP", amount: "+12.5", reason_type: "reward" },
          ...{ reason_detail: "check-in", metadata: { activity_id: "a1" } },
        },
        { user_id: "somebody_else", token_symbol: "CPOP", amount: "+1", reason_type: "reward" },
      ],
    })
    const { tx_id } = answer.body.data.transactions[0]
    await settlement.takeIn()
    const sequence = (await settlement.seal()) ?? 0n
    await settlement.confirm(sequence)
    const [opened, adjusted, sealed, confirmed] = await stream.until(4)
    expect(opened).toMatchObject({ type: "account.opened", data: { user_id: user, token_symbol: "CPOP" } })
    expect(adjusted).toEqual({
      id: expect.stringMatching(/^\d+$/),
      type: "balance.adjusted",
      time: expect.stringMatching(/^\d{4}-.*Z$/),
      data: {
        ...{ user_id: user, token_symbol: "CPOP", chain_id: 31_337, tx_id },
        ...{ amount: "+12.500000000000000000", balance_after: "12.500000000000000000" },
        ...{ operation_id: `daily-${user}`, sequence: 0, business_batch_id: null },
        ...{ reason_type: "reward", business_type: "reward" },
        ...{ reason_detail: "check-in", metadata: { activity_id: "a1" } },
      },
    })
    const account = { user_id: user, amount: "+12.500000000000000000", tx_ids: [tx_id] }
    expect(sealed).toMatchObject({ type: "settlement.sealed", data: { accounts: [account] } })
    expect(confirmed).toMatchObject({
      type: "settlement.confirmed",
      data: { blockchain_tx: handTransaction, token_symbol: "CPOP", chain_id: 31_337, accounts: [account] },
    })
    expect(confirmed?.data["batch_id"]).toBe(sealed?.data["batch_id"])
    // The change is confirmed by then, not later.
    const { body } = await api.call("GET", `/api/v1/transaction/${tx_id}`)
    expect(body.data.status).toBe("confirmed")
  })

  it("to everything gets every event of the log, and nobody else's log", async () => {
    const stream = await follow()
    const other = await follow("", undefined, (await seedApp(api.db, "another")).apiKey)
    const from = Number(
      stream.lastEventId ?? (await api.call("GET", "/api/v1/audit/head")).body.data.position,
    )
    await Promise.all(["+1", "+2", "+3"].map((amount) => change(amount)))
    await stream.until(4)
    expect(idsOf(stream)).toEqual([1, 2, 3, 4].map((each) => from + each))
    expect(other.events).toEqual([])
  })

  it("may choose types and a token", async () => {
    const holds = await follow(
      `?user_id=${user}&types=hold.placed,hold.released&token_symbol=CPOP&chain_id=31337`,
    )
    const none = await follow(`?user_id=${user}&chain_id=1`)
    await change("+10")
    const { body } = await api.call("POST", "/api/v1/balance/holds", {
      ...{ user_id: user, token_symbol: "CPOP", amount: "4", reason_type: "consumption" },
    })
    await api.call("POST", `/api/v1/balance/holds/${body.data.hold_id}/release`, {})
    const events = await holds.until(2)
    expect(events.map(({ type }) => type)).toEqual(["hold.placed", "hold.released"])
    expect(events[0]?.data).toMatchObject({ hold_id: body.data.hold_id, amount: "4.000000000000000000" })
    expect(none.events).toEqual([])
  })
})

describe("who was cut off", () => {
  it("goes on behind the last event that he saw, whatever happened in between", async () => {
    const first = await follow(`?user_id=${user}`)
    await change("+1")
    await first.until(2)
    first.cut()
    await first.ended
    for (const amount of ["+2", "+3"]) await change(amount)
    const second = await follow(`?user_id=${user}`, first.lastEventId)
    await change("+4")
    const amounts = (await second.until(3)).map(({ data }) => data["amount"])
    expect(amounts).toEqual(["+2", "+3", "+4"].map((amount) => `${amount}.000000000000000000`))
  })

  it("reads the whole log from position 0, in its order", async () => {
    const { position } = (await api.call("GET", "/api/v1/audit/head")).body.data
    const stream = await follow("?after=0")
    await stream.until(Number(position))
    expect(idsOf(stream).slice(0, Number(position))).toEqual(
      Array.from({ length: Number(position) }, (_, index) => index + 1),
    )
  })

  it("resumes from where a heartbeat was, though it saw no event", async () => {
    const stream = await follow(`?user_id=${user}`)
    user = `${user}_other`
    await change("+1")
    const { position } = (await api.call("GET", "/api/v1/audit/head")).body.data
    for (let tries = 0; stream.lastEventId !== position && tries < 50; tries += 1) await sleep(50)
    expect(stream.lastEventId).toBe(position)
    expect(stream.events).toEqual([])
  })
})

describe("the stream ends", () => {
  it("with the key that opened it", async () => {
    const key = await seedKey(api.db, api.app)
    const stream = await follow("", undefined, key)
    const hash = createHash("sha256").update(key).digest()
    await sql`UPDATE registry.api_keys SET revoked_at = now() WHERE key_hash = ${hash}`.execute(api.db)
    await stream.ended
  })
})

describe("it is refused", () => {
  it.each([
    ["?types=balance.changed", undefined, 400, "INVALID_PARAMETER", "types"],
    ["?user=1", undefined, 400, "UNKNOWN_PARAMETER", "user"],
    ["", "abc", 400, "INVALID_PARAMETER", "Last-Event-ID"],
    ["?after=-1", undefined, 400, "INVALID_PARAMETER", "after"],
    ["?after=-1", "1", 400, "INVALID_PARAMETER", "after"],
    ["?types=account0opened", undefined, 400, "INVALID_PARAMETER", "types"],
    ["?after=999999999", undefined, 404, "UNKNOWN_POSITION", "after"],
  ])("for %s and the last id %s", async (query, lastEventId, status, code, field) => {
    const headers = lastEventId === undefined ? {} : { "last-event-id": lastEventId }
    const reply = await api.call("GET", `/api/v1/stream${query}`, undefined, headers)
    expect([reply.status, reply.body.errors?.[0]?.code, reply.body.errors?.[0]?.field]).toEqual([
      ...[status, code, field],
    ])
  })

  it("when as many are connected as the server serves", async () => {
    const streams: EventStreamReader[] = []
    let refused: EventStreamReader | undefined
    while (refused === undefined && streams.length < 30) {
      const stream = await follow()
      if (stream.status === 200) streams.push(stream)
      else refused = stream
    }
    expect(refused?.status).toBe(503)
    expect(refused?.headers.get("retry-after")).toBe("5")
    for (const stream of streams) stream.cut()
  })
})
