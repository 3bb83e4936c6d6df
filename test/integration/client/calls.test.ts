import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { ChainBridgeClient } from "../../../client/src/chain-bridge-client.ts"
import { ChainBridgeError } from "../../../client/src/chain-bridge-error.ts"
import { type HandSettlement, settleByHand } from "../../support/settle-by-hand.ts"
import { startTestApi, type TestApi } from "../../support/test-api.ts"

let api: TestApi
let client: ChainBridgeClient
let settlement: HandSettlement
beforeAll(async () => {
  api = await startTestApi()
  client = new ChainBridgeClient({ url: api.server.url, apiKey: api.apiKey })
  settlement = await settleByHand(api.db, api.app.ledgerId, api.tokens.cpop.tokenId)
})
afterAll(() => api?.close())

let made = 0
let user = ""
beforeEach(() => {
  made += 1
  user = `user ${made}/ü`.replaceAll(" ", "_")
})

const credit = (amount: string) =>
  client.adjustBalance({
    adjustments: [{ user_id: user, token_symbol: "CPOP", amount, reason_type: "reward" }],
  })
const available = async () => (await client.getBalance(user)).balances[0]?.available_balance
const refusal = async (work: Promise<unknown>): Promise<ChainBridgeError> => {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof ChainBridgeError)) throw new Error(`no refusal but ${String(error)}`)
  return error
}

describe("the client", () => {
  it("says at once what it was not given", () => {
    const { url } = api.server
    for (const apiKey of [undefined, ""])
      expect(() => new ChainBridgeClient({ url, apiKey: apiKey as string })).toThrow(/^name an API key/)
    for (const none of [undefined, "ledger.example"])
      expect(() => new ChainBridgeClient({ url: none as string, apiKey: "cb_x" })).toThrow(
        /^name the address of the API/,
      )
  })

  it("adjusts, and reads balance, history, operation and transaction, with amounts as text", async () => {
    const answer = await credit("+12.000000000000000001")
    expect(answer).toMatchObject({
      operation_id: expect.stringMatching(/^op_[0-9a-f]{8}-[0-9a-f]{4}-7/),
      balances: [{ user_id: user, balance_after: "12.000000000000000001" }],
    })
    const txId = answer.transactions[0]?.tx_id ?? ""
    expect(await available()).toBe("12.000000000000000001")
    const history = await client.getHistory(user, { token_symbol: "CPOP", limit: 1 })
    expect(history).toMatchObject({ history: [{ tx_id: txId }], pagination: { has_more: false } })
    expect(await client.getOperation(answer.operation_id)).toMatchObject({
      status: "recorded",
      adjustments_count: 1,
    })
    expect(await client.getTransaction(txId)).toMatchObject({
      user_id: user,
      amount: "+12.000000000000000001",
    })
  })

  it("distributes, deducts and reverses", async () => {
    await client.distributeRewards({
      reward_batch: { activity_id: "day-1", reward_type: "daily_checkin", token_symbol: "CPOP" },
      recipients: [{ user_id: user, amount: "10" }],
    })
    const deducted = await client.deduct({
      consumption: { service_type: "arena", service_id: "arena-3", token_symbol: "CPOP" },
      deductions: [{ user_id: user, amount: "4" }],
    })
    expect(await available()).toBe("6.000000000000000000")
    const txId = deducted.transactions[0]?.tx_id ?? ""
    const reversed = await client.reverse(txId, { reason_detail: "closed early" })
    expect(reversed).toMatchObject({ reverses: txId })
    expect(await refusal(client.reverse(txId))).toMatchObject({ code: "ALREADY_REVERSED", status: 409 })
    expect(await available()).toBe("10.000000000000000000")
  })

  it("places, reads, captures and releases holds", async () => {
    await credit("+10")
    const place = (amount: string) =>
      client.placeHold({ user_id: user, token_symbol: "CPOP", amount, reason_type: "consumption" })
    const [first, second] = [await place("4"), await place("3")]
    expect(await available()).toBe("3.000000000000000000")
    const captured = await client.captureHold(first.hold_id, { amount: "1.5" })
    expect(captured).toMatchObject({ status: "captured", captured_amount: "1.500000000000000000" })
    expect(await client.releaseHold(second.hold_id)).toMatchObject({ status: "released" })
    expect(await client.getHold(first.hold_id)).toMatchObject({ status: "captured" })
    expect(await available()).toBe("8.500000000000000000")
    expect(await refusal(client.waitForConfirmation(first))).toMatchObject({ code: "NOTHING_TO_CONFIRM" })
  })

  it("sends an operation that was named under its name, and the same twice as once", async () => {
    const request = {
      operation_id: `daily ${user}`,
      sequence: 3,
      adjustments: [{ user_id: user, token_symbol: "CPOP", amount: "+5", reason_type: "reward" }],
    }
    const first = await client.adjustBalance(request)
    expect(await client.adjustBalance(request)).toEqual(first)
    expect(await available()).toBe("5.000000000000000000")
    expect(await client.getOperation(request.operation_id, { sequence: 3 })).toMatchObject({ sequence: 3 })
    const { operation_id: _, ...nameless } = request
    await expect(client.adjustBalance(nameless)).rejects.toThrow(TypeError)
  })

  it("waits for the confirmation of all of an operation", async () => {
    const answer = await credit("+7")
    const { operation_id } = answer
    const late = refusal(client.waitForConfirmation(operation_id, { timeoutMs: 1 }))
    expect(await late).toMatchObject({ code: "NOT_CONFIRMED_YET", operationId: operation_id })
    const waiting = client.waitForConfirmation(answer)
    await settlement.takeIn()
    await settlement.confirm((await settlement.seal()) ?? 0n)
    expect(await waiting).toMatchObject({ operation_id, status: "confirmed" })
  })

  it("throws every reason of a refusal, once", async () => {
    const right = { user_id: user, token_symbol: "CPOP", amount: "+5", reason_type: "reward" }
    const adjustments = [
      { ...right, token_symbol: "NONE" },
      { ...right, amount: "5" },
    ]
    const error = await refusal(client.adjustBalance({ operation_id: `w-${user}`, adjustments }))
    expect(error).toMatchObject({
      name: "ChainBridgeError",
      code: error.errors[0]?.code,
      status: 422,
      requestId: expect.stringMatching(/^req_/),
      operationId: `w-${user}`,
      isOutcomeUnknown: false,
      attempts: 1,
    })
    expect(error.errors.map(({ field, code }) => `${field} ${code}`).sort()).toEqual([
      "adjustments[0].token_symbol UNKNOWN_TOKEN",
      "adjustments[1].amount INVALID_AMOUNT",
    ])
    const nobody = new ChainBridgeClient({ url: `${api.server.url}/api/v1/`, apiKey: () => "cb_wrong" })
    expect(await refusal(nobody.getBalance(user))).toMatchObject({ code: "UNAUTHENTICATED", attempts: 1 })
    await expect(client.getBalance("..")).rejects.toThrow(TypeError)
  })
})
