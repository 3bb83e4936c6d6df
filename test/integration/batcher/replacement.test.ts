import { setTimeout } from "node:timers/promises"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { type RpcFaultProxy, startRpcFaultProxy } from "../../support/rpc-fault-proxy.ts"
import { createSettlementFixture, type SettlementFixture } from "../../support/settlement-fixture.ts"
import {
  callIn,
  inPool,
  mineAll,
  replaceSoon,
  stickBatch,
  transactionsSaved,
} from "../../support/stuck-batch.ts"
import { waitUntil } from "../../support/wait-until.ts"

const gwei = 10n ** 9n
const send = "eth_sendRawTransaction"

let fixture: SettlementFixture
let proxy: RpcFaultProxy
beforeEach(async () => {
  fixture = await createSettlementFixture({ anchors: true })
  proxy = await startRpcFaultProxy(fixture.anvil.rpcUrl)
  await fixture.configure(replaceSoon)
})
afterEach(async () => {
  await fixture.close()
  await proxy.close()
})

async function expectSettledOnce(): Promise<void> {
  const [batch] = await fixture.batches()
  expect(await fixture.settledCounts()).toEqual(new Map([[batch?.batch_id, 1]]))
  expect(await fixture.compare()).toMatchObject([{ ledger: 7n, chain: 7n }])
  expect(await fixture.chain.getTransactionCount({ address: fixture.token.operator })).toBe(1)
}

/** Takes this block and all above it, and puts none of their transactions back into the pool. */
async function rollBack(block: bigint | null | undefined): Promise<void> {
  const head = await fixture.chain.getBlockNumber()
  await fixture.rpc("anvil_rollback", Number(head - (block ?? head)) + 1)
  await fixture.rpc("anvil_dropAllTransactions")
}

describe("a transaction that no block takes", () => {
  it("is replaced by the same call at higher fees, and again, and every hash is kept", async () => {
    await stickBatch(fixture, () => fixture.run())
    const saved = await transactionsSaved(fixture, 3)
    for (const [index, transaction] of saved.entries()) {
      const before = saved[index - 1]
      expect(transaction.attempt).toBe(index + 1)
      if (before === undefined) continue
      expect(callIn(transaction.raw)).toEqual(callIn(before.raw))
      expect(transaction.max_fee_per_gas * 8n).toBeGreaterThanOrEqual(before.max_fee_per_gas * 9n)
      const [tip, tipBefore] = [transaction.max_priority_fee_per_gas, before.max_priority_fee_per_gas]
      expect((tip ?? 0n) * 8n).toBeGreaterThanOrEqual((tipBefore ?? 0n) * 9n)
    }
    const [batch] = await mineAll(fixture, 1)
    expect((await fixture.transactions()).map(({ hash }) => hash)).toContain(batch?.tx_hash)
    expect(batch?.tx_hash).not.toBe(saved[0]?.hash)
    await expectSettledOnce()
    expect(await fixture.alarms()).toEqual([])
    // Nothing is replaced that is mined.
    const count = (await fixture.transactions()).length
    await setTimeout(3_000)
    expect(await fixture.transactions()).toHaveLength(count)
  })

  it("because the base fee rose above what it offers is replaced at what the chain asks for, and mined", async () => {
    await fixture.configure({ replace_after_ms: 600_000n })
    await stickBatch(fixture, () => fixture.run())
    const [first] = await fixture.transactions()
    await fixture.rpc(
      "anvil_setNextBlockBaseFeePerGas",
      `0x${((first?.max_fee_per_gas ?? 0n) * 20n).toString(16)}`,
    )
    await fixture.configure(replaceSoon)
    const [, second] = await transactionsSaved(fixture, 2)
    expect(second?.max_fee_per_gas).toBeGreaterThan((first?.max_fee_per_gas ?? 0n) * 20n)
    const [batch] = await mineAll(fixture, 1)
    expect(batch?.tx_hash).not.toBe(first?.hash)
    await expectSettledOnce()
  })

  it("is sent again, the same bytes, when the pool has dropped it", async () => {
    await fixture.configure({ replace_after_ms: 600_000n })
    await stickBatch(fixture, () => fixture.run())
    const [only] = await fixture.transactions()
    await inPool(fixture, only?.hash)
    expect(await fixture.rpc("anvil_dropTransaction", only?.hash)).toBe(only?.hash)
    await inPool(fixture, only?.hash)
    await mineAll(fixture, 1)
    await expectSettledOnce()
    expect(await fixture.transactions()).toHaveLength(1)
  })

  it("is replaced when no node ever took it", async () => {
    proxy.set(
      send,
      { fault: "error", code: -32000, message: "transaction underpriced", isForwarded: false },
      2,
    )
    fixture.run({ rpcUrls: [proxy.url] })
    await fixture.adjust([["ann", 7n]])
    await fixture.flush()
    const [batch] = await fixture.batchesIn("mined", 1)
    const saved = await fixture.transactions()
    expect(saved).toHaveLength(2)
    expect(batch?.tx_hash).toBe(saved[1]?.hash)
    await expectSettledOnce()
  })

  it("for an earlier nonce's sake is left alone, unless it offers too little itself", async () => {
    await stickBatch(fixture, () => fixture.run())
    await fixture.adjust([["bob", 3n]])
    await fixture.flush()
    await fixture.batchesIn("broadcast", 2)
    await waitUntil(
      async () => (await fixture.transactions()).filter(({ nonce }) => nonce === 0n).length >= 3,
      {
        what: "the first nonce has three transactions",
      },
    )
    const ofSecond = async () => (await fixture.transactions()).filter(({ nonce }) => nonce === 1n)
    expect(await ofSecond()).toHaveLength(1)
    await fixture.rpc("anvil_setNextBlockBaseFeePerGas", `0x${(100n * gwei).toString(16)}`)
    await waitUntil(async () => (await ofSecond()).length >= 2, { what: "the second has two" })
    await mineAll(fixture, 2)
    expect([...(await fixture.settledCounts()).values()]).toEqual([1, 1])
  })

  it("is an anchor's: replaced all the same, and anchored once", async () => {
    await fixture.adjust([["ann", 7n]])
    const { treeSize, root } = await fixture.checkpoint()
    await fixture.rpc("evm_setAutomine", false)
    fixture.run()
    await fixture.anchorIn("broadcast", treeSize)
    const [first, second] = await transactionsSaved(fixture, 2)
    expect(callIn(second?.raw ?? "")).toEqual(callIn(first?.raw ?? ""))
    await inPool(fixture, second?.hash)
    await fixture.rpc("evm_mine")
    await fixture.anchorIn("mined", treeSize)
    expect(await fixture.anchor().rootOf(fixture.ledgerId, treeSize)).toBe(root)
    expect(await fixture.chain.getTransactionCount({ address: fixture.token.operator })).toBe(1)
  })
})

describe("of a nonce with several transactions", () => {
  it("the first one is mined: its receipt is found, and a reorganisation to another one as well, and back", async () => {
    await stickBatch(fixture, () => fixture.run({ rpcUrls: [proxy.url] }))
    // From now on no node hears of what is sent.
    proxy.set(send, { fault: "cut" })
    const [first, second] = await transactionsSaved(fixture, 2)
    await fixture.rpc("evm_mine")
    const [mined] = await fixture.batchesIn("mined", 1)
    expect(mined?.tx_hash).toBe(first?.hash)
    await expectSettledOnce()

    // The newest bytes are the ones that are sent again.
    await rollBack(mined?.block_number)
    expect(await fixture.settledCounts()).toEqual(new Map())
    await fixture.batchesIn("broadcast", 1)
    proxy.clear()
    const newest = (await fixture.transactions()).at(-1)
    expect(newest?.attempt).toBeGreaterThanOrEqual(2)
    const [again] = await mineAll(fixture, 1)
    expect(again?.tx_hash).not.toBe(first?.hash)
    await expectSettledOnce()

    proxy.set(send, { fault: "cut" })
    await rollBack(again?.block_number)
    await fixture.rpc(send, first?.raw)
    await fixture.rpc("evm_mine")
    await waitUntil(async () => (await fixture.batches())[0]?.tx_hash === first?.hash, {
      what: "the first one is the mined one again",
      describe: () => fixture.batches(),
    })
    await expectSettledOnce()
    await fixture.confirm()
    expect(await fixture.batches()).toMatchObject([{ state: "confirmed", tx_hash: first?.hash }])
    expect((await fixture.transactions()).map(({ hash }) => hash)).toContain(second?.hash)
  })

  it("any may confirm the batch by its log, before a receipt was seen", async () => {
    await stickBatch(fixture, () => fixture.run({ rpcUrls: [proxy.url] }))
    proxy.set(send, { fault: "cut" })
    const [first] = await transactionsSaved(fixture, 2)
    proxy.set("eth_getTransactionReceipt", { fault: "result", result: null })
    await fixture.rpc("evm_mine")
    await fixture.confirm()
    expect(await fixture.batches()).toMatchObject([
      { state: "confirmed", tx_hash: first?.hash, gas_used: null },
    ])
    proxy.clear()
    await waitUntil(async () => (await fixture.batches())[0]?.gas_used !== null, { what: "its gas is known" })
    await expectSettledOnce()
  })

  it("that a reorganisation has dropped waits anew: it is sent again first, and replaced only when that does not help", async () => {
    await fixture.configure({ replace_after_ms: 4_000n, replace_after_max_ms: 4_000n })
    fixture.run()
    await fixture.adjust([["ann", 7n]])
    await fixture.flush()
    const [mined] = await fixture.batchesIn("mined", 1)
    await setTimeout(4_500)
    await fixture.rpc("evm_setAutomine", false)
    const lostAtMs = Date.now()
    await rollBack(mined?.block_number)
    const [only] = await fixture.transactions()
    await inPool(fixture, only?.hash)
    const [, second] = await transactionsSaved(fixture, 2)
    expect((second?.saved_at.getTime() ?? 0) - lostAtMs).toBeGreaterThanOrEqual(4_000)
    await mineAll(fixture, 1)
    await expectSettledOnce()
  })

  it("that is confirmed and taken back waits anew as well", async () => {
    await fixture.configure({ replace_after_ms: 3_000n, replace_after_max_ms: 3_000n })
    fixture.run()
    await fixture.adjust([["ann", 7n]])
    await fixture.flush()
    const [mined] = await fixture.batchesIn("mined", 1)
    await fixture.confirm()
    await setTimeout(3_500)
    await fixture.rpc("evm_setAutomine", false)
    const lostAtMs = Date.now()
    await rollBack(mined?.block_number)
    await fixture.revoke()
    const [, second] = await transactionsSaved(fixture, 2)
    expect((second?.saved_at.getTime() ?? 0) - lostAtMs).toBeGreaterThanOrEqual(3_000)
    await mineAll(fixture, 1)
    await expectSettledOnce()
  })
})
