import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { startTestApi, type TestApi } from "../../support/test-api.ts"

let api: TestApi
const times: string[] = []

beforeAll(async () => {
  api = await startTestApi()
  for (const amount of ["10", "5.5", "2"]) {
    await api.fund("ann", amount)
    times.push(new Date().toISOString())
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  await api.fund("bob", "1")
})
afterAll(() => api?.close())

const get = (query: string, user = "ann") => api.call("GET", `/api/v1/balance/${user}${query}`)
const pendingOf = (reply: Awaited<ReturnType<typeof get>>) =>
  reply.body.data.balances.map((balance: { pending_balance: string }) => balance.pending_balance)

describe("GET /balance/{user_id}?at=", () => {
  test("gives the balance as it was after the event at a position, and says when that was", async () => {
    // Position 1 opens ann's account, 2 to 4 fund it.
    const reply = await get("?at=3")
    expect(reply.status).toBe(200)
    expect(reply.body.data.at.position).toBe("3")
    expect(Date.parse(reply.body.data.at.time)).toBeLessThanOrEqual(Date.parse(times[1] ?? ""))
    expect(reply.body.batch_info).toBeUndefined()
    expect(reply.body.data.balances).toEqual([
      {
        token_symbol: "CPOP",
        chain_id: 31_337,
        confirmed_balance: "0.000000000000000000",
        pending_balance: "15.500000000000000000",
        pending_changes: "+15.500000000000000000",
        locked_balance: "0.000000000000000000",
        available_balance: "15.500000000000000000",
        sync_status: null,
        sync_error: null,
        last_sync_time: null,
        next_sync_estimate: null,
        source: "database",
        is_realtime: false,
        sync_lag: null,
        head_lag: null,
      },
    ])
  })

  test("takes a time for the last event recorded until then, in any zone, and is the balance of now at the head", async () => {
    const first = await get(`?at=${times[0]}`)
    expect(first.body.data.at.position).toBe("2")
    expect(pendingOf(first)).toEqual(["10.000000000000000000"])
    const berlin = new Date(Date.parse(times[0] ?? "") + 2 * 3_600_000).toISOString().replace("Z", "%2B02:00")
    expect((await get(`?at=${berlin}`)).body.data).toEqual(first.body.data)
    const head = await get(`?at=${new Date().toISOString()}`)
    expect(head.body.data.at.position).toBe("6")
    expect(pendingOf(head)).toEqual(pendingOf(await get("")))
    expect((await get("")).body.data.at).toBeUndefined()
  })

  test("an account that was not there yet has zeros, before the first event too, and a token that was asked for is named", async () => {
    expect(pendingOf(await get("?at=4", "bob"))).toEqual(["0.000000000000000000"])
    const before = await get("?at=2000-01-01T00:00:00Z")
    expect(before.body.data.at).toEqual({ position: "0", time: null })
    expect(pendingOf(before)).toEqual(["0.000000000000000000"])
    expect(pendingOf(await get("?at=0"))).toEqual(["0.000000000000000000"])
    expect(pendingOf(await get("?at=3&token_symbol=POINT"))).toEqual(["0"])
    expect((await get("?at=3&fields=at.position")).body.data).toEqual({ at: { position: "3" } })
  })

  test.each([
    [
      "?at=7",
      "at",
      "the log ends at position 6; name one up to there, or leave at out for the balance of now",
    ],
    ["?at=2999-01-01T00:00:00Z", "at", "the time is in the future; leave at out for the balance of now"],
    ["?at=3&realtime=true", "realtime", "the chain is only asked for now; leave out realtime, or at"],
    ...["", "-1", "yesterday", "2024-12-15", "2024-12-15T10:30:00", "3.0", "99999999999999999999"].map(
      (at) => [
        `?at=${at}`,
        "at",
        "write the position of an event, or an ISO 8601 time with its zone, for example 2024-12-15T10:30:00Z (the + of a zone as %2B)",
      ],
    ),
  ])("refuses %s", async (query, field, message) => {
    const reply = await get(query)
    expect(reply.status).toBe(400)
    expect(reply.body.errors).toEqual([{ field, code: "INVALID_PARAMETER", message }])
  })

  test("a user or a token that nobody knows is refused as always", async () => {
    expect((await get("?at=3", "nobody")).body.errors?.[0]?.code).toBe("UNKNOWN_USER")
    expect((await get("?at=3&token_symbol=NONE")).body.errors?.[0]?.code).toBe("UNKNOWN_TOKEN")
  })
})
