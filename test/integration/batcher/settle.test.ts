import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { endFlush, listLanes } from "../../../batcher/store/lanes.ts"
import { createSettlementFixture, type SettlementFixture } from "../../support/settlement-fixture.ts"
import { waitUntil } from "../../support/wait-until.ts"

describe("settling a lane", () => {
  let fixture: SettlementFixture
  beforeEach(async () => {
    fixture = await createSettlementFixture()
  })
  afterEach(() => fixture.close())

  it("brings recorded changes to the chain in one transaction, with the balances of the ledger", async () => {
    await fixture.adjust([
      ["ann", 100n],
      ["ann", -30n],
      ["bob", 5n * 10n ** 18n],
      ["cleo", 2n ** 120n],
    ])
    await fixture.flush()
    // Not earlier: so large a change is due by its value as soon as it is there.
    fixture.run()

    const [batch] = await fixture.batchesIn("mined", 1)

    expect(await fixture.compare()).toEqual([
      { user: "ann", ledger: 70n, chain: 70n },
      { user: "bob", ledger: 5n * 10n ** 18n, chain: 5n * 10n ** 18n },
      { user: "cleo", ledger: 2n ** 120n, chain: 2n ** 120n },
    ])
    expect(batch).toMatchObject({ trigger: "flush", recipients: 3, changes: 4, failures: 0 })
    expect(batch?.gas_used).toBeGreaterThan(0n)
    expect(batch?.gas_used).toBeLessThanOrEqual(batch?.gas_limit ?? 0n)
    expect(await fixture.settledCounts()).toEqual(new Map([[batch?.batch_id, 1]]))
    // A receipt confirms nothing: that is for the indexed logs.
    expect(await fixture.db.selectFrom("ledger.balances").select("confirmed").distinct().execute()).toEqual([
      { confirmed: 0n },
    ])
    // The sealing is itself an event, behind which the lane looks once more.
    await waitUntil(
      async () => (await listLanes(fixture.db, [fixture.chainId]))[0]?.flushRequestedAt === null,
      {
        what: "the flush is over",
      },
    )
  })

  it("does not end a flush whose changes nobody has taken in yet", async () => {
    await fixture.adjust([["ann", 100n]])
    await fixture.flush()
    const [lane] = await listLanes(fixture.db, [fixture.chainId])
    if (!lane?.flushRequestedAt) throw new Error("the lane has no flush")
    await endFlush(fixture.db, lane, lane.flushRequestedAt)
    expect(await listLanes(fixture.db, [fixture.chainId])).toMatchObject([
      { flushRequestedAt: lane.flushRequestedAt },
    ])
  })

  it("settles changes that cancel out without a transaction", async () => {
    fixture.run()
    await fixture.adjust([
      ["ann", 100n],
      ["ann", -100n],
    ])
    await fixture.flush()
    await waitUntil(
      async () => {
        const items = await fixture.db.selectFrom("settlement.batch_items").select("state").execute()
        return items.length === 2 && items.every(({ state }) => state === "netted")
      },
      { what: "both changes are netted" },
    )
    expect(await fixture.batches()).toEqual([])
    expect(await fixture.transactions()).toEqual([])
  })

  it("waits for a reason: a size, a deadline, an urgent change", async () => {
    // What the chain has said once is kept for three blocks.
    await fixture.configure({ block_time_ms: 15_000 })
    fixture.run()
    await fixture.adjust([["ann", 1n]])
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect(await fixture.batches()).toEqual([])
    await fixture.adjust([["bob", 1n]], { maxWaitMs: 0 })
    expect(await fixture.batchesIn("mined", 1)).toMatchObject([{ trigger: "max_wait_time", recipients: 2 }])
    await fixture.adjust([["cleo", 1n]], { reasonType: "refund" })
    expect(await fixture.batchesIn("mined", 2)).toMatchObject([{}, { trigger: "priority", recipients: 1 }])
    // The chain of the test is idle, so more is wanted than in its busier times.
    await fixture.adjust(Array.from({ length: 36 }, (_, index) => [`user-${index}`, 1n] as const))
    expect(await fixture.batchesIn("mined", 3)).toMatchObject([
      {},
      {},
      { trigger: "size", congestion: "low", size_wanted: 35, recipients: 36 },
    ])
  })

  it("drains a backlog at full size, with several batches on their way at once", async () => {
    await fixture.adjust(
      Array.from({ length: 130 }, (_, index) => [`user-${index}`, BigInt(index + 1)] as const),
    )
    await fixture.rpc("evm_setAutomine", false)
    fixture.run()
    await fixture.batchesIn("broadcast", 3)
    await fixture.rpc("evm_mine")
    const batches = await fixture.batchesIn("mined", 3)
    expect(batches.map(({ recipients }) => recipients)).toEqual([40, 40, 40])
    expect(new Set(batches.map(({ block_number }) => block_number)).size).toBe(1)
    expect((await fixture.transactions()).map(({ nonce }) => nonce)).toEqual([0n, 1n, 2n])
  })

  it("keeps an account's later changes for the batch after the one that is open", async () => {
    fixture.run()
    await fixture.adjust([["ann", 100n]])
    await fixture.flush()
    await fixture.batchesIn("mined", 1)
    await fixture.adjust([["ann", -40n]])
    await fixture.flush()
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect(await fixture.batches()).toHaveLength(1)
  })

  it("says in numbers what it does", async () => {
    const batcher = fixture.run()
    await fixture.adjust([["ann", 100n]])
    const status = await waitUntil(
      async () => {
        const measured = await batcher.status()
        const [lane] = measured.lanes
        const isMeasured =
          lane?.isHeld === true && lane.waitingChanges === 1 && measured.desks[0]?.balance !== null
        return isMeasured && measured
      },
      { what: "the lane is held, its waiting change and the balance are measured" },
    )
    expect(status.lanes).toMatchObject([{ symbol: "CPOP", batchesInFlight: 0, pausedReason: null }])
    expect(status.lanes[0]?.oldestWaitingAgeMs).toBeGreaterThanOrEqual(0)
    expect(status.desks).toMatchObject([
      { signer: fixture.token.operator, isHeld: true, balance: 10n ** 20n },
    ])
  })
})
