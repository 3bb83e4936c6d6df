import { randomUUID } from "node:crypto"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { createBatcher } from "../../../batcher/batcher-context.ts"
import { evaluateLane } from "../../../batcher/lanes/evaluate-lane.ts"
import { noteFailure } from "../../../batcher/store/call-moves.ts"
import { claimBatches } from "../../../batcher/store/claims.ts"
import { takeIn } from "../../../batcher/store/intake.ts"
import { ensureLanes, listLanes } from "../../../batcher/store/lanes.ts"
import { holdLane, holdSigner } from "../../../batcher/store/leases.ts"
import { loadOpenBatches } from "../../../batcher/store/open-batches.ts"
import { reserveNonces } from "../../../batcher/store/signers.ts"
import { retireSigner } from "../../../ledger/store/retire-signer.ts"
import { withClient } from "../../bench/bench-cluster.ts"
import { createSettlementFixture, type SettlementFixture } from "../../support/settlement-fixture.ts"
import { waitUntil } from "../../support/wait-until.ts"

const addresses = [`0x${"a1".repeat(20)}`, `0x${"a2".repeat(20)}`]

describe("a claim", () => {
  let fixture: SettlementFixture
  beforeEach(async () => {
    fixture = await createSettlementFixture({ strategy: { max_wait_time_ms: 100, max_batch_size: 2 } })
  })
  afterEach(() => fixture.close())

  /** A batch that is sealed, and two signers that this test holds. */
  async function sealOne() {
    const { chainId, db } = fixture
    await fixture.adjust([["ann", 1n]])
    await new Promise((resolve) => setTimeout(resolve, 150))
    await ensureLanes(db, [chainId])
    while (await takeIn(db, fixture.ledgerId, 100));
    const [lane] = await listLanes(db, [chainId])
    if (lane === undefined) throw new Error("there is no lane")
    const laneLease = await holdLane(db, lane, randomUUID(), 60_000)
    await evaluateLane(createBatcher(fixture.context()), lane, { get: async () => laneLease })
    await db.updateTable("settlement.batches").set({ state: "simulated", retry_at: null }).execute()
    const owner = randomUUID()
    const none = { retired_at: null, done_at: null, lease_owner: null, lease_expires_at: null }
    await db
      .insertInto("settlement.signers")
      .values(addresses.map((address) => ({ chain_id: chainId, address, next_nonce: 0n, ...none })))
      .execute()
    const [first, second] = await Promise.all(
      addresses.map(async (address) => {
        const lease = await holdSigner(db, { chainId, address }, owner, 60_000)
        if (lease === null) throw new Error("the signer is held by somebody")
        return { db, signer: { chainId, address }, lease }
      }),
    )
    if (first === undefined || second === undefined) throw new Error("there are two signers")
    return { first, second }
  }

  const claim = (desk: Parameters<typeof claimBatches>[0], claimMs: number) =>
    claimBatches(desk, { tokenIds: [fixture.tokenId], limit: 5, claimMs, now: new Date() })
  const reserve = async (desk: Parameters<typeof claimBatches>[0]) => {
    const key = { kind: "batch", ledgerId: fixture.ledgerId, batchSequence: 1n } as const
    const [nonce] = await reserveNonces(desk, [key], new Date())
    return nonce
  }

  it("is the right to reserve: who has lost it gets no nonce, and who has used it no second one", async () => {
    const { first, second } = await sealOne()
    expect(await claim(first, 60_000)).toBe(1)
    expect(await claim(second, 60_000)).toBe(0)
    // Its time is over.
    await fixture.db
      .updateTable("settlement.batches")
      .set({ claimed_until: new Date(0) })
      .execute()
    expect(await claim(second, 60_000)).toBe(1)
    expect(await reserve(first)).toBeNull()
    expect(await reserve(second)).toBe(0n)
    expect(await reserve(second)).toBeNull()
    const rows = await fixture.db
      .selectFrom("settlement.signers")
      .select("next_nonce")
      .where("address", "in", addresses)
      .orderBy("address")
      .execute()
    expect(rows.map(({ next_nonce }) => next_nonce)).toEqual([0n, 1n])
  })

  it("of a signer that is retired meanwhile gives no nonce", async () => {
    const { first } = await sealOne()
    expect(await claim(first, 60_000)).toBe(1)
    await retireSigner(fixture.db, { address: first.signer.address, chainId: null, isRetired: true })
    expect(await reserve(first)).toBeNull()
    await retireSigner(fixture.db, { address: first.signer.address, chainId: null, isRetired: false })
    expect(await reserve(first)).toBe(0n)
  })

  it("that is lost lets nobody count a failure", async () => {
    const { first, second } = await sealOne()
    await claim(second, 60_000)
    const [batch] = await loadOpenBatches(fixture.db, second.signer, { limit: 5, withOrphans: false })
    if (batch === undefined) throw new Error("the batch is claimed")
    const failure = { message: "a test", at: new Date(), retryAt: new Date(), isCounted: true }
    await noteFailure(first, batch, failure)
    expect(await fixture.batches()).toMatchObject([{ failures: 0, last_error: null }])
    await noteFailure(second, batch, failure)
    expect(await fixture.batches()).toMatchObject([{ failures: 1, last_error: "a test" }])
    expect(await fixture.db.selectFrom("settlement.failures").selectAll().execute()).toHaveLength(1)
  })
})

it("of several batches that go together one that the database refuses keeps none of the others", async () => {
  const fixture = await createSettlementFixture({ strategy: { max_wait_time_ms: 100, max_batch_size: 2 } })
  try {
    await withClient(fixture.database.ownerUrl, async (owner) => {
      await owner.query(`
        CREATE FUNCTION settlement.refuse_one() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'not this one'; END $$`)
      await owner.query(`
        CREATE TRIGGER refuse_one BEFORE INSERT ON settlement.nonces
        FOR EACH ROW WHEN (NEW.batch_sequence = 2) EXECUTE FUNCTION settlement.refuse_one()`)
    })
    await fixture.adjust(Array.from({ length: 8 }, (_, index) => [`user-${index}`, 1n] as const))
    // All four are there before any is taken.
    const onStep = () => new Promise<void>((resolve) => setTimeout(resolve, 50))
    fixture.run({ onStep })
    await waitUntil(
      async () => (await fixture.batches()).filter(({ state }) => state === "mined").length === 3,
      { what: "the others are mined", describe: () => fixture.batches() },
    )
    // After its last retry it is not tried again while we look.
    const refused = await waitUntil(
      async () =>
        (await fixture.batches()).find((row) => row.batch_sequence === 2n && row.failures === 3) ?? false,
      { what: "it has failed for the last time", describe: () => fixture.batches() },
    )
    const failures = await fixture.db.selectFrom("settlement.failures").selectAll().execute()
    expect(failures.every(({ reason }) => reason.includes("not this one"))).toBe(true)
    expect(failures.length).toBe(refused.failures)
  } finally {
    await fixture.close()
  }
})
