import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { deployBlockingToken } from "../../support/deploy-blocking-token.ts"
import { createSettlementFixture, type SettlementFixture } from "../../support/settlement-fixture.ts"

describe.each(["settle", "batch-mint-burn"] as const)("a token of the mode %s", (mode) => {
  let fixture: SettlementFixture
  beforeEach(async () => {
    fixture = await createSettlementFixture({ mode, deploy: deployBlockingToken })
  })
  afterEach(() => fixture.close())

  it("ends with the balances of the ledger", async () => {
    fixture.run()
    await fixture.adjust([
      ["ann", 1_000n],
      ["bob", 500n],
      ["ann", -1n],
    ])
    await fixture.flush()
    await fixture.batchesIn("mined", 1)
    expect(await fixture.compare()).toMatchObject([{ chain: 999n }, { chain: 500n }])
  })
})
