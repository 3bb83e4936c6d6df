import { randomUUID } from "node:crypto"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { type AccountFold, foldChanges } from "../../../batcher/domain/fold.ts"
import { foldWaiting } from "../../../batcher/lanes/fold-waiting.ts"
import { takeIn } from "../../../batcher/store/intake.ts"
import { ensureLanes, type LaneRow, listLanes } from "../../../batcher/store/lanes.ts"
import { holdLane, type Lease } from "../../../batcher/store/leases.ts"
import { type SealCommand, sealBatch } from "../../../batcher/store/seal-batch.ts"
import { loadWaiting } from "../../../batcher/store/waiting-changes.ts"
import { createSettlementFixture, type SettlementFixture } from "../../support/settlement-fixture.ts"

describe("sealing under the head's lock", () => {
  let fixture: SettlementFixture
  let lane: LaneRow
  let lease: Lease
  beforeEach(async () => {
    fixture = await createSettlementFixture()
    await ensureLanes(fixture.db, [fixture.chainId])
    lane = await onlyLane()
    lease = await hold(randomUUID(), 60_000)
  })
  afterEach(() => fixture.close())

  async function onlyLane(): Promise<LaneRow> {
    const [row] = await listLanes(fixture.db, [fixture.chainId])
    if (row === undefined) throw new Error("there is no lane")
    return row
  }

  async function hold(owner: string, leaseMs: number): Promise<Lease> {
    const held = await holdLane(fixture.db, lane, owner, leaseMs)
    if (held === null) throw new Error("somebody holds the lane")
    return held
  }

  async function command(
    more: Partial<SealCommand> = {},
  ): Promise<SealCommand & { nets: readonly AccountFold[] }> {
    while (await takeIn(fixture.db, fixture.ledgerId, 2));
    const page = await loadWaiting(fixture.db, lane, 100)
    const { nets, zeros } = foldChanges(
      page.changes,
      () => false,
      () => 0n,
    )
    return {
      lane,
      lease,
      trigger: "flush",
      batchCall: "settle",
      strategy: "adaptive",
      congestion: null,
      sizeWanted: 25,
      nets,
      zeros,
      addressOf: (accountId) => page.accounts.get(accountId)?.address ?? "",
      sealedAt: new Date(),
      ...more,
    }
  }

  it("takes each change in once, whoever reads and in whatever pages", async () => {
    await fixture.adjust(Array.from({ length: 25 }, (_, index) => [`user-${index}`, 1n] as const))
    await Promise.all(
      Array.from({ length: 6 }, async () => {
        while (await takeIn(fixture.db, fixture.ledgerId, 3));
      }),
    )
    const rows = await fixture.db.selectFrom("settlement.batch_items").select("position").execute()
    expect(rows).toHaveLength(25)
    const { position } = await fixture.db
      .selectFrom("settlement.intake")
      .select("position")
      .executeTakeFirstOrThrow()
    expect(position).toBe(50n)
  })

  it("numbers batches without a gap and names the event that sealed each", async () => {
    await fixture.adjust([["ann", 5n]])
    expect(await sealBatch(fixture.db, await command())).toEqual({ outcome: "sealed", batchSequence: 1n })
    await fixture.adjust([["bob", 5n]])
    expect(await sealBatch(fixture.db, await command())).toEqual({ outcome: "sealed", batchSequence: 2n })
    const events = await fixture.db
      .selectFrom("ledger.events as e")
      .innerJoin("settlement.batches as b", "b.sealed_position", "e.position")
      .select(["e.type", "b.batch_sequence"])
      .orderBy("b.batch_sequence")
      .execute()
    expect(events).toEqual([
      { type: "SettlementSealed", batch_sequence: 1n },
      { type: "SettlementSealed", batch_sequence: 2n },
    ])
  })

  it("refuses a fold whose account or change was taken since", async () => {
    await fixture.adjust([["ann", 5n]])
    const fold = await command()
    await sealBatch(fixture.db, fold)
    expect(await sealBatch(fixture.db, fold)).toEqual({ outcome: "stale" })
    await fixture.adjust([["ann", 1n]])
    expect((await command()).nets).toEqual([])
    expect(await fixture.batches()).toHaveLength(1)
  })

  it("seals one of two folds of the same changes that come at the same instant", async () => {
    await fixture.adjust([["ann", 5n]])
    const fold = await command()
    const results = await Promise.all([sealBatch(fixture.db, fold), sealBatch(fixture.db, fold)])
    expect(results.map(({ outcome }) => outcome).sort()).toEqual(["sealed", "stale"])
  })

  it("commits nothing for an owner whose lease was taken over, or ran out", async () => {
    await fixture.adjust([["ann", 5n]])
    const brief = await holdLane(fixture.db, lane, lease.owner, 1)
    await new Promise((resolve) => setTimeout(resolve, 50))
    await expect(sealBatch(fixture.db, await command({ lease: brief ?? lease }))).rejects.toMatchObject({
      code: "LEASE_LOST",
    })
    const taken = await hold(randomUUID(), 60_000)
    await expect(sealBatch(fixture.db, await command())).rejects.toMatchObject({ code: "LEASE_LOST" })
    expect(await holdLane(fixture.db, lane, lease.owner, 60_000)).toBeNull()
    expect(await fixture.batches()).toEqual([])
    expect(await sealBatch(fixture.db, await command({ lease: taken }))).toMatchObject({ outcome: "sealed" })
  })

  it("folds what comes behind more changes of an account that cannot pay than one look takes", async () => {
    await fixture.adjust([["ann", 100n]])
    for (let change = 0; change < 12; change += 1) await fixture.adjust([["ann", -1n]])
    await fixture.adjust([["bob", 5n]])
    while (await takeIn(fixture.db, fixture.ledgerId, 100));
    // Her tokens have left the chain, and with them what would pay.
    await fixture.db
      .updateTable("settlement.batch_items")
      .set({ state: "discarded" })
      .where("amount", "=", 100n)
      .execute()
    const { fold } = await foldWaiting(fixture.db, lane, {
      pageChanges: 5,
      strategy: { maxWaitMs: 3_600_000, dust: null },
      flushRequestedAtMs: null,
      nowMs: Date.now(),
    })
    expect(fold.nets).toMatchObject([{ net: 5n }])
  })

  it("seals nothing on a lane that was paused in the meantime", async () => {
    await fixture.adjust([["ann", 5n]])
    const fold = await command()
    await fixture.db
      .updateTable("settlement.lanes")
      .set({ paused_at: new Date(), paused_reason: "test" })
      .execute()
    expect(await sealBatch(fixture.db, fold)).toEqual({ outcome: "stale" })
  })
})
