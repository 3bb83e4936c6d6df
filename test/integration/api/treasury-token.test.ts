import { sql } from "kysely"
import { afterAll, beforeAll, expect, it } from "vitest"
import { registryChangedChannel } from "../../../ledger/store/channels.ts"
import { type ApiReply, startTestApi, type TestApi } from "../../support/test-api.ts"
import { waitUntil } from "../../support/wait-until.ts"

let api: TestApi
beforeAll(async () => {
  api = await startTestApi()
  await api.db
    .updateTable("registry.tokens")
    .set({ settlement_mode: "treasury", treasury: `0x${"7e".repeat(20)}` })
    .where("token_id", "=", api.tokens.point.tokenId)
    .execute()
  await sql`SELECT pg_notify(${registryChangedChannel}, '')`.execute(api.db)
  const isKnown = async () => {
    const { body } = await api.call("GET", "/api/v1/tokens")
    return JSON.stringify(body.data).includes('"settlement_mode":"treasury"')
  }
  await waitUntil(isKnown, { what: "the API knows the token's mode" })
})
afterAll(() => api.close())

const change = (amount: string) => ({ user_id: "ann", token_symbol: "POINT", amount, reason_type: "reward" })

function expectRefused(reply: ApiReply, field: string): void {
  expect(reply.status).toBe(422)
  expect(reply.body.errors).toMatchObject([
    {
      code: "DEBIT_NOT_SUPPORTED",
      field,
      message: expect.stringContaining("POINT is paid out of a treasury"),
    },
  ])
}

it("a token that a treasury pays is credited, and nothing that would have to be taken back is recorded", async () => {
  const credited = await api.adjust({ adjustments: [change("+100")] })
  expect(credited.status).toBe(200)
  expectRefused(await api.adjust({ adjustments: [change("-1")] }), "adjustments[0].amount")
  // Also together with credits that would cover it: who knows which of them is settled first.
  expectRefused(
    await api.adjust({
      adjustments: [change("+5"), change("-1"), { ...change("+1"), token_symbol: "CPOP" }],
    }),
    "adjustments[1].amount",
  )
  expectRefused(await api.call("POST", "/api/v1/balance/holds", change("1")), "amount")
  const { tx_id: txId } = credited.body.data.transactions[0]
  expectRefused(await api.call("POST", `/api/v1/adjustments/${txId}/reverse`), "tx_id")
  const balances = await api.db.selectFrom("ledger.balances").select(["pending", "locked"]).execute()
  expect(balances).toEqual([{ pending: 100n, locked: 0n }])
})
