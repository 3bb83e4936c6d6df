import { randomUUID } from "node:crypto"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { holdSigner, releaseLeases } from "../../../batcher/store/leases.ts"
import { createSettlementFixture, type SettlementFixture } from "../../support/settlement-fixture.ts"
import { waitUntil } from "../../support/wait-until.ts"

describe("two batchers on one lane and one signer", () => {
  let fixture: SettlementFixture
  beforeEach(async () => {
    fixture = await createSettlementFixture({ strategy: { max_wait_time_ms: 100, max_batch_size: 5 } })
  })
  afterEach(() => fixture.close())

  it("never settle anything twice", async () => {
    const batchers = [fixture.spawn(), fixture.spawn()]
    for (let round = 0; round < 4; round += 1) {
      await fixture.adjust(
        Array.from({ length: 12 }, (_, index) => [`user-${round}-${index}`, BigInt(index + 1)] as const),
      )
    }
    await waitUntil(
      async () => {
        const accounts = await fixture.compare()
        return accounts.length === 48 && accounts.every(({ ledger, chain }) => ledger === chain)
      },
      { what: "every balance is on the chain", describe: async () => batchers.map(({ log }) => log()) },
    )
    const counts = await fixture.settledCounts()
    expect([...counts.values()].every((count) => count === 1)).toBe(true)
    expect(counts.size).toBe((await fixture.batches()).length)
    const nonces = (await fixture.transactions()).map(({ nonce }) => nonce)
    expect(nonces).toEqual(nonces.map((_, index) => BigInt(index)))
  })

  it.each(["simulated", "signed"] as const)(
    "of which one sleeps through its lease at %s: it saves nothing when it wakes up",
    async (freezeAt) => {
      const sleeper = fixture.spawn({ freezeAt })
      await fixture.adjust([
        ["ann", 10n],
        ["bob", 20n],
      ])
      // Somebody takes the lease over, and has not done anything yet when the sleeper wakes up.
      const key = { chainId: fixture.chainId, address: fixture.token.operator }
      const taker = randomUUID()
      await waitUntil(async () => (await fixture.batches())[0]?.state === "simulated", {
        what: "the first one has simulated the batch",
        describe: async () => sleeper.log(),
      })
      await waitUntil(async () => (await holdSigner(fixture.db, key, taker, 60_000)) !== null, {
        what: "its lease runs out",
      })
      const nonces = () => fixture.db.selectFrom("settlement.nonces").selectAll().execute()
      const before = await nonces()
      expect(before).toHaveLength(freezeAt === "signed" ? 1 : 0)
      sleeper.child.kill("SIGCONT")
      await waitUntil(async () => /lease went to another/.test(sleeper.log()), {
        what: "the sleeper notices",
        describe: async () => sleeper.log(),
      })
      expect(await nonces()).toEqual(before)
      expect(await fixture.transactions()).toEqual([])
      expect(await fixture.chain.getTransactionCount({ address: fixture.token.operator })).toBe(0)

      await releaseLeases(fixture.db, taker)
      await fixture.batchesIn("mined", 1)
      expect([...(await fixture.settledCounts()).values()]).toEqual([1])
      expect((await fixture.transactions()).map(({ nonce }) => nonce)).toEqual([0n])
    },
  )
})
