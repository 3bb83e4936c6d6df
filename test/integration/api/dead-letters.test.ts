import { afterAll, beforeAll, beforeEach, expect, it } from "vitest"
import { giveUp } from "../../support/give-up.ts"
import { type HandSettlement, settleByHand } from "../../support/settle-by-hand.ts"
import { startTestApi, type TestApi } from "../../support/test-api.ts"

let api: TestApi
let settlement: HandSettlement
beforeAll(async () => {
  api = await startTestApi({ limits: { laneMaxAgeMs: 0 } })
  settlement = await settleByHand(api.db, api.app.ledgerId, api.tokens.cpop.tokenId)
})
afterAll(() => api?.close())

let made = 0
let user = ""
beforeEach(() => {
  made += 1
  user = `user_${made}`
})

const get = async (path: string) => (await api.call("GET", `/api/v1${path}`)).body.data
const end = (id: string, how: "retry" | "discard", body?: object, headers?: Record<string, string>) =>
  api.call("POST", `/api/v1/dead-letters/${id}/${how}`, body, headers)
const codeOf = ({ status, body }: Awaited<ReturnType<typeof end>>) => [status, body.errors?.[0]?.code]
const change = (amount: string) => ({
  ...{ user_id: user, token_symbol: "CPOP", amount },
  reason_type: amount.startsWith("+") ? "reward" : "consumption",
})

/** A credit of ten and a debit of four, refused by the token. @returns the id of their dead letter, and of the first of both */
async function refused(): Promise<{ id: string; txId: string; operation: string }> {
  const operation = `op-${user}`
  const { body } = await api.adjust({ operation_id: operation, adjustments: [change("+10"), change("-4")] })
  await giveUp({ db: api.db, ledgerId: api.app.ledgerId }, settlement, [user], "AccountFrozen()")
  const [letter] = (await get("/dead-letters?status=open")).dead_letters
  return { id: letter.dead_letter_id, txId: body.data.transactions[0].tx_id, operation }
}

const look = async (operation: string) => {
  const [one, history, balance] = await Promise.all([
    get(`/operations/${operation}`),
    get(`/balance/${user}/history`),
    get(`/balance/${user}?token_symbol=CPOP`),
  ])
  return {
    operation: one.status,
    changes: history.history.map(
      (row: { amount: string; sync_status: string }) => `${Number(row.amount)} ${row.sync_status}`,
    ),
    balance: [
      Number(balance.balances[0].pending_balance),
      balance.balances[0].sync_status,
      balance.balances[0].sync_error,
    ],
  }
}

it("shows what the token refuses, and lets it be tried again", async () => {
  const { id, operation } = await refused()
  expect(await look(operation)).toEqual({
    operation: "attention",
    changes: ["-4 failed", "10 failed"],
    balance: [6, "error", "AccountFrozen()"],
  })
  expect((await get("/dead-letters")).dead_letters[0]).toMatchObject({
    dead_letter_id: id,
    user_id: user,
    token_symbol: "CPOP",
    reason: "AccountFrozen()",
    batch_id: expect.stringMatching(/^0x[0-9a-f]{64}$/),
    changes: 2,
    amount: "+6.000000000000000000",
    status: "open",
    closed_at: null,
  })
  const retried = await end(id, "retry")
  expect(retried.status).toBe(200)
  expect(retried.body.data).toMatchObject({ dead_letter_id: id, status: "retried", changes: 0 })
  expect(await look(operation)).toMatchObject({ operation: "recorded", balance: [6, "pending", null] })
  expect(codeOf(await end(id, "retry"))).toEqual([409, "DEAD_LETTER_CLOSED"])
  expect(codeOf(await end(id, "discard", { reason: "late" }))).toEqual([409, "DEAD_LETTER_CLOSED"])
})

it("takes what is discarded out of the balance, once, and nobody can take it back", async () => {
  const { id, txId, operation } = await refused()
  await api.adjust({ adjustments: [change("-5")] })
  const short = await end(id, "discard", { reason: "frozen" })
  expect(codeOf(short)).toEqual([422, "INSUFFICIENT_BALANCE"])
  expect(short.body.errors?.[0]?.message).toContain("1.000000000000000000 CPOP is available")
  await api.adjust({ adjustments: [change("+6")] })
  await settlement.takeIn()
  const twice = await Promise.all([1, 2].map(() => end(id, "discard", { reason: "frozen" })))
  expect(twice.map(codeOf).sort()).toEqual([
    [200, undefined],
    [409, "DEAD_LETTER_CLOSED"],
  ])
  expect(await look(operation)).toEqual({
    operation: "confirmed",
    changes: ["-6 confirmed", "6 pending", "-5 pending", "-4 discarded", "10 discarded"],
    balance: [1, "pending", null],
  })
  expect(codeOf(await api.call("POST", `/api/v1/adjustments/${txId}/reverse`, {}))).toEqual([
    409,
    "ALREADY_REVERSED",
  ])
  const [discarded] = (await get(`/balance/${user}/history`)).history
  expect(discarded).toMatchObject({
    reason_type: "adjustment",
    business_type: "adjustment",
    settled_by: null,
  })
  expect(codeOf(await api.call("POST", `/api/v1/adjustments/${discarded.tx_id}/reverse`, {}))).toEqual([
    422,
    "NOT_REVERSIBLE",
  ])
})

it("does not discard what was reversed: together they are settled as nothing", async () => {
  const { id, txId } = await refused()
  await api.adjust({ adjustments: [change("+10")] })
  expect((await api.call("POST", `/api/v1/adjustments/${txId}/reverse`, {})).status).toBe(200)
  expect(codeOf(await end(id, "discard", { reason: "frozen" }))).toEqual([409, "ALREADY_REVERSED"])
  expect((await end(id, "retry")).status).toBe(200)
})

it("refuses what is no id of the app's own, and a discard without a reason", async () => {
  const { id } = await refused()
  for (const wrong of ["x", `${id}A`, id.replace(/.$/, (last) => (last === "A" ? "Q" : "A"))])
    expect(codeOf(await end(wrong, "retry"))).toEqual([404, "UNKNOWN_DEAD_LETTER"])
  expect(codeOf(await end(id, "discard", {}))).toEqual([422, "INVALID_FIELD"])
  expect((await get("/dead-letters?status=open&limit=1")).dead_letters).toHaveLength(1)
})
