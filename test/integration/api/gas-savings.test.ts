import { sql } from "kysely"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { readSavings } from "../../../api/queries/gas-savings.ts"
import { accountSavings } from "../../../batcher/accounting/account-savings.ts"
import { seedApp } from "../../support/seed-registry.ts"
import { type HandSettlement, settleByHand } from "../../support/settle-by-hand.ts"
import { startTestApi, type TestApi } from "../../support/test-api.ts"
import { waitUntil } from "../../support/wait-until.ts"

let api: TestApi
let settlement: HandSettlement
beforeAll(async () => {
  api = await startTestApi({ limits: { laneMaxAgeMs: 0 } })
  settlement = await settleByHand(api.db, api.app.ledgerId, api.tokens.cpop.tokenId)
})
afterAll(() => api.close())

const get = async (path: string) => (await api.call("GET", `/api/v1${path}`)).body.data
const costs = { mint_new: 55_000n, mint_existing: 38_000n, burn_part: 38_500n, burn_all: 33_700n }
const hash = `0x${"ab".repeat(32)}`

async function calibrate(at: Date): Promise<void> {
  await api.db
    .insertInto("settlement.gas_calibrations")
    .values({
      token_id: api.tokens.cpop.tokenId,
      measured_at: at,
      block_number: 1n,
      block_hash: hash,
      code_hash: hash,
      method: "eth_simulateV1",
      roles: "held",
      ...costs,
    })
    .execute()
}

const change = (userId: string, amount: string) => ({
  user_id: userId,
  token_symbol: "CPOP",
  amount,
  reason_type: amount.startsWith("+") ? "reward" : "consumption",
})

/** @returns the batch as the API shows it */
async function settle(adjustments: readonly object[], gasUsed: bigint) {
  await api.adjust({ adjustments })
  await settlement.takeIn()
  const sequence = (await settlement.seal()) ?? 0n
  await settlement.mark(sequence, { state: "mined", gas_used: gasUsed, effective_gas_price: 2_000_000_000n })
  await settlement.confirm(sequence)
  await accountSavings(api.db)
  const [batch] = (await get("/batches?limit=1")).batches
  return batch
}

describe("what settlement saved", () => {
  it("is null as long as nobody has measured what single calls cost", async () => {
    const batch = await settle([change("early", "+1")], 60_000n)
    expect(batch.gas_analysis).toMatchObject({
      actual_gas_used: 60_000,
      single_op_gas_total: null,
      gas_saved: null,
      gas_saved_percentage: null,
      gas_saved_usd: null,
      per_recipient: { single_op_gas_total: null, gas_saved: null, gas_saved_percentage: null },
      new_holders: 1,
    })
    const { days } = await get("/gas/savings")
    expect(days).toEqual([
      {
        day: new Date().toISOString().slice(0, 10),
        chain_id: 31_337,
        token_symbol: "CPOP",
        batches: 1,
        recipients: 1,
        changes: 1,
        netted_changes: 0,
        new_holders: 1,
        gas_used: 60_000,
        gas_fee: "0.000120000000000000",
        gas_saved_usd: null,
        measured: { batches: 0, netted_changes: 0, gas_used: 0 },
        per_recipient: { single_op_gas_total: null, gas_saved: null, gas_saved_percentage: null },
        per_change: { single_op_gas_total: null, gas_saved: null, gas_saved_percentage: null },
      },
    ])
    const { body } = await api.adjust({ adjustments: [change("early", "+1")] })
    expect(body.batch_info).toMatchObject({ expected_efficiency: null, estimated_gas_savings: null })
    await settlement.takeIn()
    await settlement.seal()
  })

  it("is told of a batch, per recipient and per change, from the figures of the time", async () => {
    await calibrate(new Date())
    // Two new holders, one of them with a second credit; nothing else.
    const first = await settle([change("ann", "+5"), change("ann", "+1"), change("bob", "+2")], 90_000n)
    expect(first.batch_metrics).toMatchObject({ efficiency_target: 77, actual_efficiency: 18.18 })
    expect(first.gas_analysis).toMatchObject({
      single_op_gas_total: 148_000,
      gas_saved: 58_000,
      gas_saved_percentage: 39.18,
      per_recipient: { single_op_gas_total: 110_000, gas_saved: 20_000, gas_saved_percentage: 18.18 },
      new_holders: 2,
    })
    // A part and all of a balance: burns, one of them in two steps; more gas than single calls for the recipients.
    const second = await settle([change("ann", "-1"), change("bob", "-1"), change("bob", "-1")], 80_000n)
    expect(second.batch_metrics).toMatchObject({ efficiency_target: 75, actual_efficiency: -10.8 })
    expect(second.gas_analysis).toMatchObject({
      single_op_gas_total: 110_700,
      gas_saved: 30_700,
      per_recipient: { single_op_gas_total: 72_200, gas_saved: -7_800, gas_saved_percentage: -10.8 },
      new_holders: 0,
    })
  })

  it("is told by day with the changes that cancelled out, and only of what was measured", async () => {
    await api.adjust({ adjustments: [change("dan", "+3"), change("dan", "-3")] })
    await settlement.takeIn()
    expect(await settlement.seal()).toBeNull()
    const beforeAccounting = (await get("/gas/savings")).days[0]
    expect(beforeAccounting).toMatchObject({ netted_changes: 2, measured: { netted_changes: 0 } })
    await accountSavings(api.db)
    const [day] = (await get("/gas/savings?token_symbol=CPOP&chain_id=31337")).days
    expect(day).toMatchObject({
      batches: 3,
      recipients: 5,
      changes: 7,
      netted_changes: 2,
      gas_used: 230_000,
      gas_fee: "0.000460000000000000",
      measured: { batches: 2, netted_changes: 2, gas_used: 170_000 },
      per_recipient: { single_op_gas_total: 182_200, gas_saved: 12_200, gas_saved_percentage: 6.69 },
      per_change: { single_op_gas_total: 347_400, gas_saved: 177_400, gas_saved_percentage: 51.06 },
    })
  })

  it("leaves out what the chain skipped", async () => {
    await api.adjust({ adjustments: [change("eve", "+1"), change("fay", "+1"), change("fay", "+1")] })
    await settlement.takeIn()
    const sequence = (await settlement.seal()) ?? 0n
    await settlement.mark(sequence, { state: "mined", gas_used: 70_000n, effective_gas_price: 1n })
    await settlement.confirm(sequence)
    // What a deferral does to the changes of an account.
    await sql`
      UPDATE settlement.batch_items SET state = 'discarded', batch_sequence = NULL
      WHERE ledger_id = ${api.app.ledgerId} AND batch_sequence = ${sequence} AND account_id = (
        SELECT account_id FROM ledger.accounts WHERE ledger_id = ${api.app.ledgerId} AND user_id = 'fay')`.execute(
      api.db,
    )
    await accountSavings(api.db)
    const [batch] = (await get("/batches?limit=1")).batches
    expect(batch.gas_analysis).toMatchObject({
      actual_gas_used: 70_000,
      single_op_gas_total: 55_000,
      gas_saved: -15_000,
      new_holders: 1,
    })
    await settlement.mark(sequence, {
      confirmed_at: new Date(0),
      accounted_position: null,
      confirmed_position: null,
    })
  })

  it("is what new changes are told to expect, the first time and every time after", async () => {
    // Figures are shown for a quarter of a second: a slow request finds none.
    let asked = 0
    const [body, first] = await waitUntil(
      async () => {
        await get("/balance/ann?token_symbol=CPOP")
        asked += 1
        const request = {
          operation_id: `expects-${asked}`,
          adjustments: [change("ann", "+1"), change("bob", "+1")],
        }
        const reply = await api.adjust(request)
        return reply.body.batch_info?.["expected_efficiency"] !== null && ([request, reply] as const)
      },
      { what: "a change is told what to expect" },
    )
    expect(first.body.batch_info).toMatchObject({
      expected_efficiency: 6.69,
      // 12,200 gas less than singly for 4 recipients.
      estimated_gas_savings: 6_100,
      estimated_processing_time: expect.stringMatching(/^PT\d+S$/),
    })
    await settle([], 200_000n)
    expect((await api.adjust(body)).body.batch_info).toEqual(first.body.batch_info)
    const health = await get("/system/health")
    expect(health.performance_metrics).toMatchObject({
      current_efficiency: expect.any(Number),
      total_gas_saved_24h: expect.any(Number),
    })
    expect(health.cpop_metrics).toMatchObject({
      mint_efficiency_avg: expect.any(Number),
      burn_efficiency_avg: -10.8,
    })
  })

  it("goes back when the confirmation does", async () => {
    const [batch] = (await get("/batches?limit=1")).batches
    expect(batch.gas_analysis.gas_saved).not.toBeNull()
    const set = (state: string, position: bigint | null) =>
      settlement.mark(BigInt(batch.batch_sequence), { state, confirmed_position: position })
    await set("broadcast", null)
    expect((await get("/batches?limit=1")).batches[0].gas_analysis.gas_saved).toBeNull()
    // Confirmed again by another event: the figures of the first are not those of this one.
    await set("confirmed", 1_000_000n)
    expect((await get("/batches?limit=1")).batches[0].gas_analysis.gas_saved).toBeNull()
    await accountSavings(api.db)
    expect((await get("/batches?limit=1")).batches[0].gas_analysis.gas_saved).not.toBeNull()
  })

  it("is of one's own ledger only", async () => {
    const other = await seedApp(api.db)
    const authorization = `Bearer ${other.apiKey}`
    const reply = await api.call("GET", "/api/v1/gas/savings", undefined, { authorization })
    expect(reply.body.data.days).toEqual([])
  })

  it("comes by pages, newest day first, within the days that were asked for", async () => {
    await sql`
      UPDATE settlement.batches SET confirmed_at = confirmed_at - batch_sequence * interval '2 days'
      WHERE ledger_id = ${api.app.ledgerId} AND state = 'confirmed'`.execute(api.db)
    const all = (await get("/gas/savings")).days.map((day: { day: string }) => day.day)
    expect(all.length).toBeGreaterThan(3)
    expect(all).toEqual([...all].sort().reverse())
    const seen: string[] = []
    let cursor = ""
    do {
      const page = await get(`/gas/savings?limit=2${cursor === "" ? "" : `&cursor=${cursor}`}`)
      seen.push(...page.days.map((day: { day: string }) => day.day))
      cursor = page.pagination.next_cursor ?? ""
    } while (cursor !== "")
    expect(seen).toEqual(all)
    const [, second = "", third = ""] = all
    const some = (await get(`/gas/savings?from=${third}&to=${second}`)).days
    expect(some.map((day: { day: string }) => day.day)).toEqual([second, third])
    expect((await get("/gas/savings?from=2020-01-01&to=2020-12-31")).days).toEqual([])
  })

  it("is refused for days that are none, too many, or in the wrong order, and for tokens and chains that are not there", async () => {
    const refused = async (query: string) => {
      const { status, body } = await api.call("GET", `/api/v1/gas/savings?${query}`)
      return [status, body.errors?.[0]?.code, body.errors?.[0]?.field]
    }
    expect(await refused("from=yesterday")).toEqual([400, "INVALID_PARAMETER", "from"])
    expect(await refused("from=2024-02-30")).toEqual([400, "INVALID_PARAMETER", "from"])
    expect(await refused("from=2024-05-02&to=2024-05-01")).toEqual([400, "INVALID_PARAMETER", "from"])
    expect(await refused("from=2023-05-01&to=2024-05-01")).toEqual([400, "INVALID_PARAMETER", "from"])
    expect(await refused("token_symbol=NOPE")).toEqual([422, "UNKNOWN_TOKEN", "token_symbol"])
    expect(await refused("chain_id=999")).toEqual([422, "UNKNOWN_TOKEN", "chain_id"])
    expect(await refused("cursor=x")).toEqual([400, "INVALID_CURSOR", "cursor"])
    expect(await refused("day=2024-05-01")).toEqual([400, "UNKNOWN_PARAMETER", "day"])
    expect((await api.call("GET", "/api/v1/gas/savings?from=2023-05-02&to=2024-05-01")).status).toBe(200)
  })

  it("is found along the index of confirmed batches", async () => {
    const scans = async () => {
      await sql`SELECT pg_stat_force_next_flush()`.execute(api.db)
      const { rows } = await sql<{ scans: bigint }>`
        SELECT sum(idx_scan)::bigint AS scans FROM pg_stat_user_indexes WHERE indexrelname = 'batches_confirmed'`.execute(
        api.db,
      )
      return rows[0]?.scans ?? 0n
    }
    const before = await scans()
    await api.db.connection().execute(async (db) => {
      await sql`SET enable_seqscan = off`.execute(db)
      await readSavings(
        db,
        api.app.ledgerId,
        { tokenIds: [api.tokens.cpop.tokenId], fromDay: 0, throughDay: 1 },
        null,
        5,
      )
      await sql`SET enable_seqscan = on`.execute(db)
      await sql`SELECT pg_stat_force_next_flush()`.execute(db)
    })
    expect(await scans()).toBeGreaterThan(before)
  })
})
