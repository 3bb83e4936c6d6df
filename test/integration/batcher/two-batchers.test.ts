import { afterEach, beforeEach, describe, expect, it } from "vitest"
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

  it.each(["reserved", "signed"] as const)(
    "of which one sleeps through its lease at %s: it saves nothing when it wakes up",
    async (freezeAt) => {
      const sleeper = fixture.spawn({ freezeAt })
      await waitUntil(async () => sleeper.log().includes("signer registered"), { what: "the first one runs" })
      await fixture.adjust([
        ["ann", 10n],
        ["bob", 20n],
      ])
      await waitUntil(async () => (await fixture.batches()).length === 1, { what: "a batch is sealed" })
      fixture.spawn()
      await fixture.batchesIn("mined", 1)
      const before = await fixture.transactions()
      sleeper.child.kill("SIGCONT")
      await waitUntil(async () => /lease/.test(sleeper.log()), {
        what: "the sleeper notices",
        describe: async () => sleeper.log(),
      })
      expect(await fixture.transactions()).toEqual(before)
      expect(before).toHaveLength(1)
      expect([...(await fixture.settledCounts()).values()]).toEqual([1])
      expect(await fixture.compare()).toMatchObject([
        { ledger: 10n, chain: 10n },
        { ledger: 20n, chain: 20n },
      ])
    },
  )
})
