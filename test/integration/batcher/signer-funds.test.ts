import { toHex } from "viem"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { type PauseKind, pauseLanes, resumeLanes } from "../../../ledger/store/pause-lanes.ts"
import { createSettlementFixture, type SettlementFixture } from "../../support/settlement-fixture.ts"
import { waitUntil } from "../../support/wait-until.ts"

const plenty = 10n ** 20n

describe("the coins of a signer", () => {
  let fixture: SettlementFixture
  beforeEach(async () => {
    fixture = await createSettlementFixture()
  })
  afterEach(() => fixture.close())

  const give = (wei: bigint) => fixture.rpc("anvil_setBalance", fixture.token.operator, toHex(wei))
  const lane = () => fixture.db.selectFrom("settlement.lanes").selectAll().executeTakeFirstOrThrow()
  const key = () => [{ ledgerId: fixture.ledgerId, tokenId: fixture.tokenId }]
  const pauseNow = (why: { readonly reason: string; readonly by: PauseKind }) =>
    fixture.db.transaction().execute((trx) => pauseLanes(trx, key(), why))
  const kinds = async () => (await fixture.alarms()).map(({ kind }) => kind).sort()

  it("run out: the lane stops, and goes on by itself when they are there again", async () => {
    fixture.run()
    await give(0n)
    await fixture.adjust([["ann", 7n]])
    await fixture.flush()
    expect(await fixture.untilPaused()).toMatchObject({
      paused_by: "balance",
      paused_reason: expect.stringMatching(/cannot pay for gas/),
    })
    expect(await kinds()).toEqual(["lane_paused", "signer_balance"])
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    expect(await lane()).toMatchObject({ paused_by: "balance" })
    await give(plenty)
    await fixture.batchesIn("mined", 1)
    expect(await lane()).toMatchObject({ paused_at: null, paused_by: null, paused_reason: null })
    expect(await kinds()).toEqual([])
    expect(await fixture.transactions()).toHaveLength(1)
  })

  it("come back: what an operator has paused meanwhile stays paused, with both reasons", async () => {
    fixture.run()
    await give(0n)
    await fixture.adjust([["ann", 7n]])
    await fixture.flush()
    const { paused_at } = await fixture.untilPaused()
    await pauseNow({ reason: "an inspection", by: "operator" })
    expect(await lane()).toMatchObject({
      paused_at,
      paused_by: "operator",
      paused_reason: expect.stringMatching(/cannot pay for gas.*; an inspection/),
    })
    // Nothing changes who is asked: the signer's trouble does not make it its own pause again.
    await pauseNow({ reason: "empty", by: "balance" })
    await give(plenty)
    await waitUntil(async () => !(await kinds()).includes("signer_balance"), { what: "the alarm is cleared" })
    expect(await lane()).toMatchObject({ paused_at, paused_by: "operator" })
    expect(await kinds()).toEqual(["lane_paused"])
    await fixture.adjust([["bob", 7n]])
    await fixture.flush()
    // No nonce was reserved that could not be paid for, so nothing goes on before the operator says so.
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    expect(await fixture.transactions()).toEqual([])
    await fixture.db.transaction().execute((trx) => resumeLanes(trx, key()))
    await fixture.batchesIn("mined", 2)
    expect(await kinds()).toEqual([])
  })

  it("are something, and too little for the next batch: the pause lasts, instead of coming and going", async () => {
    fixture.run({ limits: { fallbackPollMs: 100 } })
    await give(0n)
    await fixture.adjust([["ann", 7n]])
    await fixture.flush()
    await fixture.untilPaused()
    const { paused_at } = await lane()
    // Nothing was ever mined and no nonce is reserved: what the next batch can cost is all there is to go by.
    const [{ gas_limit: gasLimit } = { gas_limit: null }] = await fixture.batches()
    expect(gasLimit).not.toBeNull()
    await give(1_000n)
    await new Promise((resolve) => setTimeout(resolve, 2_000))
    expect(await lane()).toMatchObject({ paused_at, paused_by: "balance" })
    expect(await fixture.transactions()).toEqual([])
    await give(plenty)
    await fixture.batchesIn("mined", 1)
  })

  it("cover what waits for a block, and no more: the next batch waits without an alarm until that is mined", async () => {
    await fixture.rpc("evm_setAutomine", false)
    fixture.run()
    await fixture.adjust([["ann", 7n]])
    await fixture.flush()
    const [first] = await waitUntil(
      async () => {
        const sent = await fixture.transactions()
        return sent[0]?.broadcast_at != null && sent
      },
      { what: "the first one is sent" },
    )
    const price = (first?.gas_limit ?? 0n) * (first?.max_fee_per_gas ?? 0n)
    await give((price * 3n) / 2n)
    await fixture.adjust([["bob", 7n]])
    await fixture.flush()
    await waitUntil(async () => (await fixture.batches()).length === 2, { what: "the second one is sealed" })
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    expect(await fixture.transactions()).toHaveLength(1)
    expect(await lane()).toMatchObject({ paused_at: null })
    await fixture.rpc("evm_setAutomine", true)
    await fixture.rpc("evm_mine")
    await fixture.batchesIn("mined", 2)
    expect(await lane()).toMatchObject({ paused_at: null })
  })

  it("get low: an alarm before they are gone, which goes when there are enough", async () => {
    fixture.run()
    await fixture.adjust([["ann", 7n]])
    await fixture.flush()
    const [batch] = await fixture.batchesIn("mined", 1)
    const fee = (batch?.gas_used ?? 0n) * (batch?.effective_gas_price ?? 0n)
    expect(await kinds()).toEqual([])
    await give(fee * 49n)
    await waitUntil(async () => (await kinds()).includes("signer_balance_low"), { what: "there is an alarm" })
    expect(await lane()).toMatchObject({ paused_at: null })
    await give(fee * 51n)
    await new Promise((resolve) => setTimeout(resolve, 1_200))
    expect(await kinds()).toEqual(["signer_balance_low"])
    await give(plenty)
    await waitUntil(async () => (await kinds()).length === 0, { what: "the alarm is cleared" })
  })
})

describe("resuming a lane", () => {
  it("tries the batch that failed at once, and stops again when it still fails", async () => {
    const fixture = await createSettlementFixture({ strategy: { retry_interval_ms: 50 } })
    try {
      const key = [{ ledgerId: fixture.ledgerId, tokenId: fixture.tokenId }]
      await fixture.token.callAsAdmin("pause")
      fixture.run()
      await fixture.adjust([["ann", 7n]])
      await fixture.flush()
      const paused = () => fixture.db.selectFrom("settlement.lanes").selectAll().executeTakeFirstOrThrow()
      await waitUntil(async () => (await paused()).paused_at !== null, { what: "the lane is paused" })
      const later = new Date(Date.now() + 3_600_000)
      const backOff = () => fixture.db.updateTable("settlement.batches").set({ retry_at: later }).execute()
      await backOff()
      const [resumed] = await fixture.db.transaction().execute((trx) => resumeLanes(trx, key))
      expect(resumed).toMatchObject({ by: "errors", reason: expect.stringMatching(/EnforcedPause/) })
      await waitUntil(async () => (await paused()).paused_at !== null, { what: "it failed once more" })
      expect(await fixture.batches()).toMatchObject([{ failures: 4 }])
      await fixture.token.callAsAdmin("unpause")
      await backOff()
      await fixture.db.transaction().execute((trx) => resumeLanes(trx, key))
      await fixture.batchesIn("mined", 1)
      expect(await fixture.db.transaction().execute((trx) => resumeLanes(trx, key))).toEqual([])
    } finally {
      await fixture.close()
    }
  })
})
