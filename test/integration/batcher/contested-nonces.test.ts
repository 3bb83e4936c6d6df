import { createWalletClient, http } from "viem"
import { privateKeyToAccount } from "viem/accounts"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import type { BatcherStep } from "../../../batcher/batcher-context.ts"
import { type RpcFaultProxy, startRpcFaultProxy } from "../../support/rpc-fault-proxy.ts"
import { createSettlementFixture, type SettlementFixture } from "../../support/settlement-fixture.ts"
import { inPool, mineAll, replaceSoon, stickBatch, transactionsSaved } from "../../support/stuck-batch.ts"
import { waitUntil } from "../../support/wait-until.ts"

const send = "eth_sendRawTransaction"
const underpriced = {
  fault: "error",
  code: -32000,
  message: "replacement transaction underpriced",
  isForwarded: false,
} as const

describe("what a node answers to a second transaction of a nonce", () => {
  let fixture: SettlementFixture
  let proxy: RpcFaultProxy
  beforeEach(async () => {
    fixture = await createSettlementFixture()
    proxy = await startRpcFaultProxy(fixture.anvil.rpcUrl)
    await fixture.configure(replaceSoon)
  })
  afterEach(async () => {
    await fixture.close()
    await proxy.close()
  })

  const isPaused = async () =>
    (await fixture.db.selectFrom("settlement.lanes").select("paused_at").execute()).some(
      ({ paused_at }) => paused_at !== null,
    )

  async function expectSettledOnce(): Promise<void> {
    const [batch] = await fixture.batches()
    expect(await fixture.settledCounts()).toEqual(new Map([[batch?.batch_id, 1]]))
    expect(await fixture.compare()).toMatchObject([{ ledger: 7n, chain: 7n }])
  }

  it("'replacement underpriced', for it keeps our first one: nobody else has the key, no lane stops, and the first is mined", async () => {
    const onStep = (step: BatcherStep) => {
      if (step === "replaced") proxy.set(send, underpriced)
    }
    await stickBatch(fixture, () => fixture.run({ rpcUrls: [proxy.url], onStep }))
    const [first] = await fixture.transactions()
    await waitUntil(
      async () => (await fixture.transactions()).at(-1)?.last_error?.includes("underpriced") ?? false,
      { what: "the answer is told", describe: () => fixture.transactions() },
    )
    expect((await fixture.transactions()).length).toBeGreaterThanOrEqual(2)
    expect(await fixture.alarms()).toEqual([])
    expect(await isPaused()).toBe(false)
    const [batch] = await mineAll(fixture, 1)
    expect(batch?.tx_hash).toBe(first?.hash)
    expect(await fixture.alarms()).toEqual([])
    await expectSettledOnce()
  })

  it("'replacement underpriced', for it holds a foreign one: that is known when the chain has mined it, and the batch goes with another nonce", async () => {
    const batcher = fixture.run({ rpcUrls: [proxy.url] })
    await waitUntil(async () => (await batcher.status()).desks[0]?.isHeld === true, { what: "it runs" })
    await fixture.rpc("evm_setAutomine", false)
    // No node has a transaction of ours, and two are saved.
    proxy.set(send, { ...underpriced, message: "txpool is full" })
    await fixture.adjust([["ann", 7n]])
    await fixture.flush()
    await transactionsSaved(fixture, 2)
    const operator = privateKeyToAccount(fixture.token.operatorKey)
    await createWalletClient({ account: operator, transport: http(fixture.anvil.rpcUrl) }).sendTransaction({
      to: operator.address,
      nonce: 0,
      gas: 21_000n,
      maxFeePerGas: 900n * 10n ** 9n,
      maxPriorityFeePerGas: 100n * 10n ** 9n,
      chain: null,
    })
    proxy.clear()
    await waitUntil(
      async () => (await fixture.transactions()).at(-1)?.last_error?.includes("underpriced") ?? false,
      { what: "the node says that it holds another one", describe: () => fixture.transactions() },
    )
    await fixture.rpc("anvil_mine", "0x4")
    await waitUntil(async () => (await fixture.alarms()).some(({ kind }) => kind === "foreign_transaction"), {
      what: "there is an alarm",
    })
    expect(await isPaused()).toBe(true)
    await waitUntil(async () => (await fixture.batches())[0]?.state === "sealed", { what: "it is given up" })
    const ofFirst = (await fixture.transactions()).length
    await fixture.rpc("evm_setAutomine", true)
    await fixture.resume()
    await fixture.batchesIn("mined", 1)
    expect((await fixture.transactions()).map(({ nonce }) => nonce)).toEqual([
      ...Array.from({ length: ofFirst }, () => 0n),
      1n,
    ])
    await expectSettledOnce()
  })

  it("'nonce too low', for it has just mined our first one: the receipt of that is found", async () => {
    let isMined = false
    await stickBatch(fixture, () =>
      fixture.run({
        async onStep(step) {
          if (step !== "replaced" || isMined) return
          isMined = true
          await fixture.rpc("evm_mine")
        },
      }),
    )
    const [first] = await fixture.transactions()
    const [batch] = await fixture.batchesIn("mined", 1)
    expect(isMined).toBe(true)
    expect(batch?.tx_hash).toBe(first?.hash)
    expect(await fixture.transactions()).toHaveLength(2)
    expect(await fixture.alarms()).toEqual([])
    await expectSettledOnce()
  })

  it("nothing, though it arrived, and then 'already known': it is the one that is mined", async () => {
    await stickBatch(fixture, () => fixture.run({ rpcUrls: [proxy.url] }))
    proxy.set(send, { fault: "swallow_answer" })
    const [, second] = await transactionsSaved(fixture, 2)
    await inPool(fixture, second?.hash)
    await fixture.configure({ replace_after_ms: 600_000n })
    proxy.clear()
    const sent = proxy.seen.get(send) ?? 0
    await waitUntil(async () => (proxy.seen.get(send) ?? 0) >= sent + 2, { what: "it is sent again" })
    const [batch] = await mineAll(fixture, 1)
    expect((await fixture.transactions()).at(-1)?.hash).toBe(batch?.tx_hash)
    expect(await fixture.alarms()).toEqual([])
    await expectSettledOnce()
  })
})
