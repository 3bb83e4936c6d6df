import { sql } from "kysely"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import type { ChainReader } from "../../../api/context.ts"
import { type HandSettlement, handTransaction, settleByHand } from "../../support/settle-by-hand.ts"
import { startTestApi, type TestApi } from "../../support/test-api.ts"
import { waitUntil } from "../../support/wait-until.ts"

let api: TestApi
let settlement: HandSettlement
const chain = { isUp: true, head: 20n, balance: 7n * 10n ** 18n }
const rpc: ChainReader = {
  balanceOf: () => answer({ amountBaseUnits: chain.balance, blockNumber: chain.head }),
  isDeployed: () => answer(false),
  headBlock: () => answer(chain.head),
}

function answer<Value>(value: Value): Promise<Value> {
  return chain.isUp ? Promise.resolve(value) : Promise.reject(new Error("https://secret-key.example is down"))
}

beforeAll(async () => {
  api = await startTestApi({ rpc, limits: { laneMaxAgeMs: 0 } })
  settlement = await settleByHand(api.db, api.app.ledgerId, api.tokens.cpop.tokenId)
})
afterAll(() => api.close())

let made = 0
let user = ""
beforeEach(() => {
  made += 1
  user = `user_${made}`
})

const get = async (path: string) => (await api.call("GET", `/api/v1${path}`)).body.data
const cpop = async () => (await get(`/balance/${user}?token_symbol=CPOP`)).balances[0]
const change = (amount: string, more: object = {}) => ({
  user_id: user,
  token_symbol: "CPOP",
  amount,
  reason_type: amount.startsWith("+") ? "reward" : "consumption",
  ...more,
})

describe("a change on its way to the chain", () => {
  it("is pending, batching, submitted and confirmed, wherever one looks", async () => {
    const operation = `op-${user}`
    const { body } = await api.adjust({ operation_id: operation, adjustments: [change("+10"), change("-4")] })
    const txId = body.data.transactions[0].tx_id
    const look = async () => {
      const [transaction, one, history, balance] = await Promise.all([
        get(`/transaction/${txId}`),
        get(`/operations/${operation}`),
        get(`/balance/${user}/history`),
        cpop(),
      ])
      return {
        transaction: transaction.status,
        operation: [one.status, one.transactions.map((row: { status: string }) => row.status)],
        history: history.history.map((row: { sync_status: string }) => row.sync_status),
        balance: balance.sync_status,
      }
    }
    const all = (word: string, operationWord: string, balanceWord: string) => ({
      transaction: word,
      operation: [operationWord, [word, word]],
      history: [word, word],
      balance: balanceWord,
    })

    expect(await look()).toEqual(all("pending", "recorded", "pending"))
    await settlement.takeIn()
    expect(await look()).toEqual(all("pending", "recorded", "pending"))
    const sequence = (await settlement.seal()) ?? 0n
    expect(await look()).toEqual(all("batching", "recorded", "syncing"))
    await settlement.mark(sequence, { state: "signed" })
    expect(await look()).toEqual(all("batching", "recorded", "syncing"))
    await settlement.mark(sequence, { state: "broadcast", broadcast_at: new Date() })
    expect(await look()).toEqual(all("submitted", "recorded", "syncing"))
    const mined = {
      state: "mined",
      gas_used: 90_000n,
      effective_gas_price: 2_000_000_000n,
      gas_estimated: 95_000n,
    }
    await settlement.mark(sequence, { ...mined, last_error: null, mined_at: new Date() })
    expect(await look()).toEqual(all("submitted", "recorded", "syncing"))
    await settlement.confirm(sequence)
    expect(await look()).toEqual(all("confirmed", "confirmed", "synced"))

    expect(await get(`/transaction/${txId}`)).toMatchObject({
      transaction_id: txId,
      tx_hash: handTransaction,
      block_number: 12,
      confirmations: 9,
      gas_used: 90_000,
      gas_shared_by: 1,
      gas_fee: "0.000180000000000000",
      gas_fee_usd: null,
      settled_by: "batch",
      explorer_url: `https://explorer.example/tx/${handTransaction}`,
    })
    expect(await cpop()).toMatchObject({
      confirmed_balance: "6.000000000000000000",
      pending_balance: "6.000000000000000000",
      pending_changes: "+0.000000000000000000",
      last_sync_time: expect.any(String),
    })
  })

  it("is confirmed without a transaction when it nets to zero", async () => {
    await api.adjust({ operation_id: `zero-${user}`, adjustments: [change("+3"), change("-3")] })
    await settlement.takeIn()
    await settlement.seal()
    const { history } = await get(`/balance/${user}/history`)
    expect(history).toEqual([
      expect.objectContaining({ sync_status: "confirmed", settled_by: "netting", blockchain_tx: null }),
      expect.objectContaining({ sync_status: "confirmed", settled_by: "netting", blockchain_tx: null }),
    ])
    expect(await get(`/operations/zero-${user}`)).toMatchObject({ status: "confirmed" })
  })
})

describe("a batch", () => {
  it("is listed and shown with its measured gas and the changes it folds, and nothing is invented", async () => {
    await api.adjust({ adjustments: [change("+1"), change("+2", { user_id: `${user}_b` }), change("+3")] })
    await settlement.takeIn()
    const sequence = (await settlement.seal()) ?? 0n
    await settlement.mark(sequence, { state: "mined", gas_used: 90_001n, effective_gas_price: 3n })
    expect((await get("/batches?limit=1")).batches[0].batch_metrics.congestion).toBeNull()
    await settlement.mark(sequence, { congestion: "high" })
    const { batches, pagination } = await get("/batches?limit=1")
    expect(pagination).toMatchObject({ limit: 1 })
    const [listed] = batches
    expect(listed).toMatchObject({ batch_sequence: sequence.toString(), status: "submitted", state: "mined" })
    const batch = await get(`/batches/${listed.batch_id}?limit=2`)
    expect(batch).toMatchObject({
      batch_id: listed.batch_id,
      token_symbol: "CPOP",
      batch_metrics: {
        operation_count: 3,
        actual_batch_size: 2,
        optimal_batch_size: 25,
        batch_strategy: "adaptive",
        congestion: "high",
        efficiency_target: 77,
        actual_efficiency: null,
      },
      gas_analysis: {
        estimated_gas_total: null,
        actual_gas_used: 90_001,
        single_op_gas_total: null,
        gas_saved: null,
        gas_saved_percentage: null,
        gas_saved_usd: null,
        gas_per_recipient: 45_000,
        effective_gas_price: "3",
      },
      cpop_info: {
        cpop_operation_type: "batch_mint",
        master_aggregator_used: false,
        aggregator_savings: null,
      },
      blockchain_info: { block_number: 12, confirmed_at: null },
      pagination: { limit: 2, has_more: true, next_cursor: expect.any(String) },
    })
    expect(batch.adjustments).toHaveLength(2)
    const rest = await get(`/batches/${listed.batch_id}?limit=2&cursor=${batch.pagination.next_cursor}`)
    expect(rest.adjustments).toEqual([
      expect.objectContaining({ user_id: user, amount: "+3.000000000000000000" }),
    ])
    expect(rest.pagination).toEqual({ limit: 2, has_more: false, next_cursor: null })
    const preparing = await get("/batches?status=preparing")
    expect(preparing.batches).toEqual([])
    expect((await get("/batches?status=submitted&token_symbol=CPOP&chain_id=31337")).batches).toHaveLength(1)
    expect((await get("/batches?token_symbol=POINT")).batches).toEqual([])
    await settlement.confirm(sequence)
  })

  it("is asked for at once by a flush, of one token or of all", async () => {
    const reply = await api.call("POST", "/api/v1/batches/flush", { token_symbol: "CPOP" })
    expect(reply.status).toBe(202)
    expect(reply.body.data.lanes).toEqual([
      { token_symbol: "CPOP", chain_id: 31_337, flush_requested_at: expect.any(String) },
    ])
    const { rows } = await sql<{ token_id: number }>`
      SELECT token_id FROM settlement.lanes WHERE ledger_id = ${api.app.ledgerId} AND flush_requested_at IS NOT NULL`.execute(
      api.db,
    )
    expect(rows).toEqual([{ token_id: api.tokens.cpop.tokenId }])
    const everything = await api.call("POST", "/api/v1/batches/flush")
    expect(everything.body.data.lanes).toHaveLength(6)
  })
})

describe("a balance", () => {
  it("says what waits, what can be spent and when it is sealed at the latest", async () => {
    await api.fund(user, "2.5")
    await settlement.takeIn()
    await cpop()
    const body = await waitUntil(
      async () => {
        const reply = await api.call("GET", `/api/v1/balance/${user}?token_symbol=CPOP`, undefined, {
          "cache-control": "no-store",
        })
        return reply.body.batch_info?.["pending_operations"] === 1 && reply.body
      },
      { what: "the lane's figures are known" },
    )
    expect(body.data.balances).toEqual([
      {
        token_symbol: "CPOP",
        chain_id: 31_337,
        confirmed_balance: "0.000000000000000000",
        pending_balance: "2.500000000000000000",
        pending_changes: "+2.500000000000000000",
        locked_balance: "0.000000000000000000",
        available_balance: "2.500000000000000000",
        sync_status: "pending",
        sync_error: null,
        last_sync_time: null,
        next_sync_estimate: expect.stringMatching(/^\d{4}-.*Z$/),
        source: "database",
        is_realtime: false,
        sync_lag: null,
        head_lag: null,
      },
    ])
    expect(body.batch_info).toMatchObject({
      pending_operations: 1,
      current_batch_size: 1,
      efficiency_target: 77,
      expected_efficiency: null,
    })
  })

  it("is zero for a token that the user never had, and left out where nobody asked for it", async () => {
    await api.fund(user, "1")
    const { balances } = await get(`/balance/${user}?token_symbol=POINT`)
    expect(balances).toEqual([expect.objectContaining({ token_symbol: "POINT", available_balance: "0" })])
    expect((await get(`/balance/${user}`)).balances).toHaveLength(1)
  })

  it("reports the chain's figure beside the ledger's when it is asked to, and never instead", async () => {
    await api.fund(user, "1")
    const { balances } = await get(`/balance/${user}?token_symbol=CPOP&realtime=true`)
    expect(balances).toEqual([
      expect.objectContaining({
        pending_balance: "1.000000000000000000",
        confirmed_balance: "0.000000000000000000",
        chain_balance: "7.000000000000000000",
        chain_block_number: 20,
        chain_confirmation: null,
        source: "blockchain",
        is_realtime: true,
      }),
    ])
    expect((await cpop()).pending_balance).toBe("1.000000000000000000")
  })

  it("is refused in real time when the chain cannot be read, without a word about its endpoint", async () => {
    await api.fund(user, "1")
    chain.isUp = false
    try {
      const reply = await api.call("GET", `/api/v1/balance/${user}?realtime=true`)
      expect(reply.status).toBe(503)
      expect(reply.body.errors).toEqual([
        expect.objectContaining({ code: "CHAIN_UNAVAILABLE", field: "realtime" }),
      ])
      expect(JSON.stringify(reply.body)).not.toContain("secret-key")
      expect((await api.call("GET", `/api/v1/balance/${user}`)).status).toBe(200)
      const wallet = await get(`/wallet/${user}`)
      expect(wallet.wallets[0].is_deployed).toBeNull()
    } finally {
      chain.isUp = true
    }
  })
})

describe("a history", () => {
  it("goes from the newest to the oldest, page by page, without a gap or a repeat", async () => {
    for (let index = 1; index <= 7; index += 1) {
      await api.adjust({
        operation_id: `h-${user}-${index}`,
        adjustments: [
          change(`+${index}`, { reason_detail: `number ${index}`, metadata: { activity_id: `a-${index}` } }),
          change("+1", { token_symbol: "POINT" }),
        ],
      })
    }
    const seen: string[] = []
    let cursor: string | null = ""
    while (cursor !== null) {
      const page = await get(
        `/balance/${user}/history?token_symbol=CPOP&limit=3${cursor === "" ? "" : `&cursor=${cursor}`}`,
      )
      expect(page.pagination.has_more).toBe(page.pagination.next_cursor !== null)
      seen.push(...page.history.map((row: { reason_detail: string }) => row.reason_detail))
      cursor = page.pagination.next_cursor
    }
    expect(seen).toEqual([7, 6, 5, 4, 3, 2, 1].map((index) => `number ${index}`))
    expect((await get(`/balance/${user}/history?limit=500`)).history).toHaveLength(14)
    const [newest] = (await get(`/balance/${user}/history?token_symbol=CPOP`)).history
    expect(newest).toEqual({
      tx_id: expect.stringMatching(/^tx_/),
      operation_id: `h-${user}-7`,
      timestamp: expect.any(String),
      token_symbol: "CPOP",
      chain_id: 31_337,
      amount: "+7.000000000000000000",
      balance_before: "21.000000000000000000",
      balance_after: "28.000000000000000000",
      reason_type: "reward",
      reason_detail: "number 7",
      business_type: "reward",
      sync_status: "pending",
      settled_by: null,
      blockchain_tx: null,
      block_number: null,
      batch_id: null,
      metadata: { activity_id: "a-7" },
      details_redacted: false,
      reverses: null,
      reversed_by: null,
      hold_id: null,
    })
  })

  it("can be narrowed by reason, status and time", async () => {
    await api.fund(user, "5")
    await api.adjust({ adjustments: [change("-1")] })
    const only = async (filter: string) => (await get(`/balance/${user}/history?${filter}`)).history.length
    expect(await only("reason_type=consumption")).toBe(1)
    expect(await only("reason_type=refund")).toBe(0)
    expect(await only("status=pending")).toBe(2)
    expect(await only("status=confirmed")).toBe(0)
    expect(await only("from_date=2020-01-01T00:00:00Z")).toBe(2)
    expect(await only("to_date=2020-01-01T00:00:00%2B02:00")).toBe(0)
  })
})

describe("an operation", () => {
  it("is told by its sequence, page by page", async () => {
    const items = Array.from({ length: 5 }, () => change("+1"))
    await api.adjust({ operation_id: `pages-${user}`, sequence: 3, adjustments: items })
    expect((await api.call("GET", `/api/v1/operations/pages-${user}`)).status).toBe(404)
    const first = await get(`/operations/pages-${user}?sequence=3&limit=3`)
    expect(first).toMatchObject({ sequence: 3, adjustments_count: 5, status_counts: { pending: 5 } })
    const second = await get(
      `/operations/pages-${user}?sequence=3&limit=3&cursor=${first.pagination.next_cursor}`,
    )
    expect(second.transactions).toHaveLength(2)
    expect(second.pagination.has_more).toBe(false)
  })
})

it("an operation and a batch are shown as of one moment, whatever is being confirmed", async () => {
  const shown: string[] = []
  for (let round = 0; round < 30; round += 1) {
    const operation = `moment-${round}`
    await api.adjust({ operation_id: operation, adjustments: [change("+1"), change("+2")] })
    await settlement.takeIn()
    const sequence = (await settlement.seal()) ?? 0n
    const { batch_id: batchId } = (await get(`/operations/${operation}`)).transactions[0]
    let isOver = false
    const look = async () => {
      while (!isOver) {
        const [one, batch] = await Promise.all([get(`/operations/${operation}`), get(`/batches/${batchId}`)])
        const settled = (of: { status: string }[]) => [
          ...new Set(of.map(({ status }) => status === "confirmed")),
        ]
        shown.push(
          `${one.status === "confirmed"}: ${settled(one.transactions)}`,
          `${batch.status === "confirmed"}: ${settled(batch.adjustments)}`,
        )
      }
    }
    const looking = Promise.all(Array.from({ length: 6 }, look))
    await settlement.confirm(sequence)
    await new Promise((resolve) => setTimeout(resolve, 20))
    isOver = true
    await looking
  }
  expect([...new Set(shown)].sort()).toEqual(["false: false", "true: true"])
})
