import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { ChainBridgeClient } from "../../../client/src/chain-bridge-client.ts"
import { type AnswerFault, type AnswerFaults, startAnswerFaults } from "../../support/answer-faults.ts"
import { startTestApi, type TestApi } from "../../support/test-api.ts"
import { waitUntil } from "../../support/wait-until.ts"

let api: TestApi
let proxy: AnswerFaults
beforeAll(async () => {
  api = await startTestApi()
  proxy = await startAnswerFaults(api.server.url)
})
afterAll(async () => {
  await proxy?.close()
  await api?.close()
})

let made = 0
let user = ""
beforeEach(() => {
  made += 1
  user = `user_${made}`
})

const connect = (more: object = {}) => new ChainBridgeClient({ url: proxy.url, apiKey: api.apiKey, ...more })
const request = () => ({
  adjustments: [{ user_id: user, token_symbol: "CPOP", amount: "+5", reason_type: "reward" }],
})
/** By the API itself, without the proxy. */
const balance = async (): Promise<string | undefined> =>
  (await api.call("GET", `/api/v1/balance/${user}`)).body.data?.balances[0]?.available_balance
const busy = (status: number, code: string, retryAfter?: string): AnswerFault => ({
  status,
  ...(retryAfter === undefined ? {} : { headers: { "retry-after": retryAfter } }),
  body: JSON.stringify({
    code: status,
    request_id: "req_1",
    errors: [{ field: null, code, message: "later" }],
  }),
})
const five = "5.000000000000000000"

describe("a write whose answer is lost", () => {
  it.each<[string, AnswerFault[]]>([
    ["cut off after the commit", ["cut after"]],
    ["cut off before the API", ["cut before"]],
    ["in the middle of the answer", ["half"]],
    ["again and again", ["cut after", "half", "cut before", "cut after"]],
    [
      "taken for a page of a proxy",
      [
        { status: 502, body: "<html>" },
        { status: 200, body: "<html>" },
      ],
    ],
  ])("is recorded once: %s", async (_, faults) => {
    proxy.plan(...faults)
    const answer = await connect().adjustBalance(request())
    expect(proxy.requests).toHaveLength(faults.length + 1)
    expect(new Set(proxy.requests.map(({ body }) => body)).size).toBe(1)
    expect(answer.balances[0]?.balance_after).toBe(five)
    expect(await balance()).toBe(five)
  })

  it.each([202, 203, 499, 507, 520, 522, 524])(
    "is recorded once, and never taken for certainly lost, where somebody between answers %i",
    async (status) => {
      proxy.plan({ status, body: "<html>" })
      const write = { ...request(), operation_id: `between-${status}` }
      const once = connect({ attemptsMax: 1 }).adjustBalance(write)
      await expect(once).rejects.toMatchObject({ isOutcomeUnknown: true, attempts: 1 })
      proxy.plan({ status, body: "<html>" })
      await connect().adjustBalance(write)
      expect(await balance()).toBe(five)
    },
  )

  it("is not made into a read by a redirect", async () => {
    proxy.plan({ status: 302, headers: { location: `/api/v1/balance/${user}` }, body: "" })
    await expect(connect().adjustBalance(request())).rejects.toMatchObject({
      code: "REDIRECTED",
      attempts: 1,
    })
    expect(proxy.requests.map(({ path }) => path)).toEqual(["/api/v1/balance/adjust"])
  })

  it("is sent again when nobody answers in time", async () => {
    proxy.plan("silence", "silence")
    const answer = await connect({ timeoutMs: 300 }).adjustBalance(request())
    // The third one may need longer as well.
    expect(proxy.requests.length).toBeGreaterThanOrEqual(3)
    expect(new Set(proxy.requests.map(({ body }) => body)).size).toBe(1)
    expect(JSON.parse(proxy.requests[0]?.body ?? "").operation_id).toBe(answer.operation_id)
    expect(await balance()).toBe(five)
  })

  it("may be sent again later by the id that the error names", async () => {
    proxy.plan("cut after", "cut after")
    const error = await connect({ attemptsMax: 2 })
      .adjustBalance(request())
      .catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: "NO_ANSWER", status: null, attempts: 2, isOutcomeUnknown: true })
    const { operationId: operation_id } = error as { operationId: string }
    await connect().adjustBalance({ operation_id, ...request() })
    expect(await balance()).toBe(five)
  })
})

describe("a refusal that passes", () => {
  it.each([
    [503, "OVERLOADED", false],
    [503, "LEDGER_UNAVAILABLE", true],
    [504, "TIMEOUT", true],
    [429, "RATE_LIMITED", false],
  ])("%i %s is waited out for as long as it says", async (status, code, isOutcomeUnknown) => {
    proxy.plan(busy(status, code, "1"))
    await connect().adjustBalance(request())
    const [first, second] = proxy.requests.map(({ atMs }) => atMs)
    expect((second ?? 0) - (first ?? 0)).toBeGreaterThanOrEqual(990)
    expect(await balance()).toBe(five)
    proxy.plan(busy(status, code, "60"))
    const began = performance.now()
    await expect(connect({ deadlineMs: 5_000 }).adjustBalance(request())).rejects.toMatchObject({
      ...{ code, status, attempts: 1, isOutcomeUnknown, retryAfterMs: 60_000, requestId: "req_1" },
    })
    expect(performance.now() - began).toBeLessThan(4_000)
  })

  it("is asked after less and less often, and not for ever", async () => {
    proxy.plan(...Array.from({ length: 9 }, () => busy(503, "NOT_READY")))
    await expect(connect({ attemptsMax: 4 }).getBalance("nobody")).rejects.toMatchObject({
      ...{ code: "NOT_READY", attempts: 4, operationId: null, isOutcomeUnknown: false },
    })
    const times = proxy.requests.map(({ atMs }) => atMs)
    const waits = times.slice(1).map((time, index) => time - (times[index] ?? 0))
    expect(waits).toHaveLength(3)
    for (const [index, least] of [125, 250, 500].entries())
      expect(waits[index]).toBeGreaterThanOrEqual(least - 5)
  })

  it("is told from an answer that is none, and from a settlement that the token refuses", async () => {
    const page = { status: 200, body: "<html>" }
    proxy.plan(page, page)
    await expect(connect({ attemptsMax: 2 }).adjustBalance(request())).rejects.toMatchObject({
      ...{ code: "UNREADABLE_ANSWER", status: null, attempts: 2, isOutcomeUnknown: true },
    })
    const data = { operation_id: "o1", status: "attention", adjustments_count: 1 }
    proxy.plan(busy(503, "NOT_READY"), { status: 200, body: JSON.stringify({ data }) })
    await expect(connect().waitForConfirmation("o1")).rejects.toMatchObject({
      ...{ code: "SETTLEMENT_FAILED", operationId: "o1" },
    })
  })

  it("says nothing of an attempt before it", async () => {
    proxy.plan("cut after", busy(403, "FORBIDDEN"))
    await expect(connect().adjustBalance(request())).rejects.toMatchObject({
      ...{ code: "FORBIDDEN", attempts: 2, isOutcomeUnknown: true },
    })
    expect(await balance()).toBe(five)
  })
})

describe("the caller", () => {
  it("ends a call while it is under way, and while it waits for the next attempt", async () => {
    for (const fault of ["silence", busy(503, "OVERLOADED", "30")] as const) {
      proxy.plan(fault)
      const reason = new Error("no longer wanted")
      const controller = new AbortController()
      const call = connect().adjustBalance(request(), { signal: controller.signal })
      const ended = expect(call).rejects.toBe(reason)
      await waitUntil(() => Promise.resolve(proxy.requests.length === 1), { what: "it has arrived" })
      // So that an answer, where there is one, has come back.
      await sleep(200)
      const began = performance.now()
      controller.abort(reason)
      await ended
      expect(performance.now() - began).toBeLessThan(2_000)
      expect(proxy.requests).toHaveLength(1)
    }
    proxy.plan()
    await expect(connect().getBalance(user, {}, { signal: AbortSignal.abort("never") })).rejects.toBe("never")
    expect(proxy.requests).toHaveLength(0)
  })

  it("may change what was handed over while it is sent again", async () => {
    proxy.plan("cut before")
    const mine = request()
    const call = connect().adjustBalance(mine)
    mine.adjustments.length = 0
    await call
    expect(await balance()).toBe(five)
  })
})
