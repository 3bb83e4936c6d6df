import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { stepsOfEveryCall } from "../../../batcher/batcher-context.ts"
import { sampled } from "../../support/sampled.ts"
import { createSettlementFixture, type SettlementFixture } from "../../support/settlement-fixture.ts"

describe("a batcher that is killed with -9", () => {
  let fixture: SettlementFixture
  beforeEach(async () => {
    fixture = await createSettlementFixture()
  })
  afterEach(() => fixture.close())

  it.each(sampled(stepsOfEveryCall, 3))("at %s loses nothing and settles nothing twice", async (step) => {
    await fixture.adjust([
      ["ann", 1_000n],
      ["bob", 500n],
      ["ann", -1n],
    ])
    await fixture.flush()
    const first = fixture.spawn({ dieAt: step })
    expect(await first.ended, first.log()).toBe("SIGKILL")

    const second = fixture.spawn()
    const batches = await fixture.batchesIn("mined", 1).catch((error: unknown) => {
      throw new Error(second.log(), { cause: error })
    })

    expect(await fixture.compare()).toMatchObject([
      { ledger: 999n, chain: 999n },
      { ledger: 500n, chain: 500n },
    ])
    expect(await fixture.settledCounts()).toEqual(new Map(batches.map(({ batch_id }) => [batch_id, 1])))
    // One nonce, one transaction: nothing was signed twice.
    expect((await fixture.transactions()).map(({ nonce }) => nonce)).toEqual([0n])
    expect(await fixture.chain.getTransactionCount({ address: fixture.token.operator })).toBe(1)
  })
})
