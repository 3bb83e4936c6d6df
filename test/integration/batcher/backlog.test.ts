import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { createBatcher } from "../../../batcher/batcher-context.ts"
import { evaluateLane } from "../../../batcher/lanes/evaluate-lane.ts"
import { keepLease } from "../../../batcher/lanes/lease-keeper.ts"
import { takeIn } from "../../../batcher/store/intake.ts"
import { ensureLanes, listLanes } from "../../../batcher/store/lanes.ts"
import { holdLane } from "../../../batcher/store/leases.ts"
import { createSettlementFixture, type SettlementFixture } from "../../support/settlement-fixture.ts"
import { waitUntil } from "../../support/wait-until.ts"

// Nothing but what a mined batch or a change announces brings a look.
const patient = { fallbackPollMs: 60_000, rebroadcastMs: 60_000 }

describe("a backlog", () => {
  let fixture: SettlementFixture
  beforeEach(async () => {
    fixture = await createSettlementFixture()
    await fixture.rpc("evm_setAutomine", false)
  })
  afterEach(() => fixture.close())

  /** Two changes for each account. */
  async function record(accounts: number): Promise<void> {
    for (const amount of [3n, -1n]) {
      for (let first = 0; first < accounts; first += 500) {
        const count = Math.min(500, accounts - first)
        await fixture.adjust(
          Array.from({ length: count }, (_, index) => [`user-${first + index}`, amount] as const),
        )
      }
    }
  }

  const recipients = async () => (await fixture.batches()).map((batch) => batch.recipients)

  async function sealed(count: number): Promise<number[]> {
    return waitUntil(async () => (await fixture.batches()).length === count && recipients(), {
      what: `${count} batches are sealed`,
      timeoutMs: 40_000,
      describe: recipients,
    })
  }

  async function setStrategy(more: object): Promise<void> {
    await fixture.db
      .updateTable("registry.tokens")
      .set({ strategy: JSON.stringify({ ...fixture.strategy, ...more }) })
      .execute()
  }

  it("of thousands is sealed at once in full batches, with no block in between", async () => {
    await record(2_035)
    fixture.run({ limits: { ...patient, laneInFlightMax: 128 } })
    expect(await sealed(51)).toEqual([...Array.from({ length: 50 }, () => 40), 35])
    const changes = (await fixture.batches()).reduce((sum, batch) => sum + batch.changes, 0)
    expect(changes).toBe(4_070)
  })

  it("leaves in batches of the largest size under the strategy cost, which wants less of what comes one by one", async () => {
    await setStrategy({ strategy: "cost", max_batch_size: 400 })
    await record(1_330)
    fixture.run({ limits: { ...patient, laneInFlightMax: 64 } })
    expect(await sealed(4)).toEqual([400, 400, 400, 130])
    const [batch] = await fixture.batches()
    expect(batch).toMatchObject({ strategy: "cost", trigger: "size" })
    // Sealing does not wait long for the chain's figures.
    expect(["low", null]).toContain(batch?.congestion)
    expect(batch?.size_wanted).toBeGreaterThanOrEqual(100)
    expect(batch?.size_wanted).toBeLessThanOrEqual(250)
  })

  it("that is longer than one look is cut into full batches all the same", async () => {
    await record(1_035)
    // Every page ends within a batch.
    fixture.run({ limits: { ...patient, laneInFlightMax: 64, foldPageChanges: 190 } })
    const sizes = await sealed(26)
    expect(sizes).toEqual([...Array.from({ length: 25 }, () => 40), 35])
  })

  it("goes up to the bound on batches in flight, and on when half of them are mined", async () => {
    await record(400)
    fixture.run({ limits: { ...patient, laneInFlightMax: 6 } })
    expect(await sealed(6)).toEqual([40, 40, 40, 40, 40, 40])
    await waitUntil(async () => (await fixture.transactions()).every((sent) => sent.broadcast_at !== null), {
      what: "they are sent",
    })
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(await recipients()).toHaveLength(6)
    await fixture.rpc("evm_setAutomine", true)
    await fixture.rpc("evm_mine")
    expect(await sealed(10)).toEqual(Array.from({ length: 10 }, () => 40))
  })

  it("may take longer to seal than a lease lasts", async () => {
    await record(160)
    const batcher = createBatcher(
      fixture.context({ onStep: () => new Promise((resolve) => setTimeout(resolve, 900)) }),
    )
    await ensureLanes(fixture.db, [fixture.chainId])
    while (await takeIn(fixture.db, fixture.ledgerId, 5_000));
    const [lane] = await listLanes(fixture.db, [fixture.chainId])
    if (lane === undefined) throw new Error("there is no lane")
    const keeper = keepLease({
      hold: () => holdLane(fixture.db, lane, batcher.processId, 2_000),
      leaseMs: 2_000,
    })
    expect(await evaluateLane(batcher, lane, keeper)).toMatchObject({ sealed: 4 })
  })

  it("is overtaken by what is urgent, at the seal and at the signer's desk", async () => {
    await record(160)
    fixture.run({ limits: { ...patient, laneInFlightMax: 6, signerInFlightMax: 2 } })
    await sealed(4)
    await waitUntil(
      async () =>
        (await fixture.transactions()).filter(({ broadcast_at }) => broadcast_at !== null).length === 2,
      { what: "two are sent" },
    )
    // More than half of the lane's places are taken, for which nothing else would be folded.
    await fixture.adjust([["rush", 1n]], { reasonType: "refund" })
    expect(await sealed(5)).toEqual([40, 40, 40, 40, 1])
    await fixture.rpc("evm_mine")
    const nonces = await waitUntil(
      async () => {
        const rows = await fixture.db
          .selectFrom("settlement.nonces")
          .select("batch_sequence")
          .orderBy("nonce")
          .execute()
        return rows.length === 4 && rows.map((row) => row.batch_sequence)
      },
      { what: "two more have a nonce" },
    )
    expect(nonces).toEqual([1n, 2n, 5n, 3n])
  })
})
