import { setTimeout as sleep } from "node:timers/promises"
import { sql } from "kysely"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { ChainBridgeClient } from "../../../client/src/chain-bridge-client.ts"
import type { LiveEvent } from "../../../client/src/types.ts"
import { seedKey } from "../../support/seed-registry.ts"
import { type StreamCutter, startStreamCutter } from "../../support/stream-cutter.ts"
import { startTestApi, type TestApi } from "../../support/test-api.ts"

let api: TestApi
let cutter: StreamCutter
let client: ChainBridgeClient
beforeAll(async () => {
  api = await startTestApi({ limits: { heartbeatMs: 200, keyMaxAgeMs: 50 } })
  cutter = await startStreamCutter(api.server.url)
  client = new ChainBridgeClient({ url: cutter.url, apiKey: api.apiKey })
})
afterAll(async () => {
  await cutter?.close()
  await api?.close()
})

let made = 0
let user = ""
beforeEach(() => {
  made += 1
  user = `user_${made}`
  cutter.limit = () => undefined
})

/** By the API itself. @returns the position of the change */
async function credit(amount: string): Promise<string> {
  const adjustment = { user_id: user, token_symbol: "CPOP", amount, reason_type: "reward" }
  return (await api.adjust({ adjustments: [adjustment] })).body.data.position
}

async function take(stream: AsyncIterable<LiveEvent>, last: string): Promise<LiveEvent[]> {
  const events: LiveEvent[] = []
  for await (const event of stream) {
    events.push(event)
    if (event.id === last) break
  }
  return events
}

const between = (after: string, last: string) =>
  Array.from({ length: Number(last) - Number(after) }, (_, index) => String(Number(after) + index + 1))

describe("the client's stream", () => {
  it("has every event once and in order, wherever its connections are cut", async () => {
    const after = await credit("+1")
    // The first byte after the headers to well into the third event: each further connection is cut somewhere else.
    let cuts = 0
    cutter.limit = () => {
      cuts += 1
      return cuts > 12 ? undefined : 400 + cuts * 97
    }
    const before = cutter.connections()
    for (let count = 0; count < 10; count += 1) await credit("+1")
    const writing = (async () => {
      let last = ""
      for (let count = 0; count < 20; count += 1) {
        await sleep(50)
        last = await credit("+1")
      }
      return last
    })()
    const last = String(Number(after) + 30)
    const events = await take(client.stream({ after }), last)
    expect(await writing).toBe(last)
    expect(cutter.connections() - before).toBeGreaterThan(4)
    expect(events.map(({ id }) => id)).toEqual(between(after, last))
    // Whoever leaves the loop leaves no connection behind.
    await expect.poll(() => cutter.open()).toBe(0)
  })

  it("is of one user and the types that were chosen, and begins behind a write's answer", async () => {
    const after = await credit("+2")
    const mine = user
    user = `${mine}_else`
    await credit("+1")
    user = mine
    const last = await credit("+3")
    const events = await take(client.stream({ after, user_id: user, types: ["balance.adjusted"] }), last)
    expect(events).toMatchObject([
      { id: last, type: "balance.adjusted", data: { user_id: user, amount: "+3.000000000000000000" } },
    ])
  })

  it("says how far it has come without an event, and goes on from there", async () => {
    const positions: string[] = []
    const abort = new AbortController()
    const { signal } = abort
    const stream = client.stream({ user_id: user, signal, onPosition: (id) => positions.push(id) })
    const next = stream.next()
    await expect.poll(() => positions.length).toBeGreaterThan(0)
    user = `${user}_else`
    const reached = await credit("+1")
    await expect.poll(() => positions.at(-1)).toBe(reached)
    const reason = new Error("enough")
    abort.abort(reason)
    await expect(next).rejects.toBe(reason)
  })

  it("does not end with a connection that says nothing any more", async () => {
    const after = await credit("+1")
    const before = cutter.connections()
    const quick = client.stream({ after, silenceMs: 100 })
    const next = quick.next()
    await expect.poll(() => cutter.connections() - before, { timeout: 10_000 }).toBeGreaterThan(1)
    const last = await credit("+4")
    expect((await next).value).toMatchObject({ id: last })
    await quick.return()
  })

  it("ends with a refusal that stays: a revoked key, a position that is not there", async () => {
    const beyond = client.stream({ after: "999999" })
    await expect(beyond.next()).rejects.toMatchObject({ code: "UNKNOWN_POSITION", status: 404 })
    const apiKey = await seedKey(api.db, api.app)
    const positions: string[] = []
    const revoked = new ChainBridgeClient({ url: cutter.url, apiKey }).stream({
      onPosition: (id) => positions.push(id),
    })
    const next = revoked.next()
    await expect.poll(() => positions.length).toBeGreaterThan(0)
    await sql`UPDATE registry.api_keys SET revoked_at = now() WHERE key_prefix = ${apiKey.slice(0, 8)}`.execute(
      api.db,
    )
    await expect(next).rejects.toMatchObject({ code: "UNAUTHENTICATED", status: 401 })
  })

  it("gives up when the API stays out of reach", async () => {
    const nowhere = new ChainBridgeClient({ url: "http://127.0.0.1:9", apiKey: "cb_none" })
    await expect(nowhere.stream({ patienceMs: 1_000 }).next()).rejects.toMatchObject({ code: "NO_ANSWER" })
  })
})
