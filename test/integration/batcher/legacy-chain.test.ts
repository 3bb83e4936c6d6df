import { parseTransaction, type TransactionSerializedLegacy } from "viem"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { deployBerlinToken } from "../../support/deploy-berlin-token.ts"
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

const read = (raw: string | undefined) => parseTransaction((raw ?? "0x") as TransactionSerializedLegacy)

describe("a chain without EIP-1559", () => {
  let fixture: SettlementFixture
  beforeEach(async () => {
    fixture = await createSettlementFixture({
      anvilArgs: ["--hardfork", "berlin"],
      deploy: deployBerlinToken,
    })
  })
  afterEach(() => fixture.close())

  async function expectSettledOnce(): Promise<void> {
    const [batch] = await fixture.batches()
    expect(await fixture.settledCounts()).toEqual(new Map([[batch?.batch_id, 1]]))
    expect(await fixture.compare()).toMatchObject([{ ledger: 7n, chain: 7n }])
  }

  it("gets legacy transactions, at the price that it asks", async () => {
    expect((await fixture.chain.getBlock()).baseFeePerGas).toBeNull()
    const gasPrice = await fixture.chain.getGasPrice()
    fixture.run()
    await fixture.adjust([["ann", 7n]])
    await fixture.flush()
    await fixture.batchesIn("mined", 1)
    const [only] = await fixture.transactions()
    expect(read(only?.raw)).toMatchObject({
      type: "legacy",
      chainId: 31_337,
      gasPrice,
    })
    expect(only).toMatchObject({
      transaction_type: "legacy",
      max_fee_per_gas: gasPrice,
      max_priority_fee_per_gas: null,
    })
    await expectSettledOnce()
  })

  it("and does not mine it: it is replaced at a higher price", async () => {
    await fixture.configure(replaceSoon)
    await stickBatch(fixture, () => fixture.run())
    const [first, second] = await transactionsSaved(fixture, 2)
    expect(callIn(second?.raw ?? "")).toEqual(callIn(first?.raw ?? ""))
    expect((second?.max_fee_per_gas ?? 0n) * 8n).toBeGreaterThanOrEqual((first?.max_fee_per_gas ?? 0n) * 9n)
    await inPool(fixture, second?.hash)
    const [batch] = await mineAll(fixture, 1)
    expect(batch?.tx_hash).not.toBe(first?.hash)
    await expectSettledOnce()
  })

  it("and asks for more than max_fee: nothing is sent until that is raised", async () => {
    await fixture.configure({ max_fee_per_gas: 1n })
    fixture.run()
    await fixture.adjust([["ann", 7n]])
    await fixture.flush()
    await waitUntil(async () => /max_fee is 1$/.test((await fixture.batches())[0]?.last_error ?? ""), {
      what: "it says why",
    })
    expect(await fixture.transactions()).toEqual([])
    await fixture.configure({ max_fee_per_gas: await fixture.chain.getGasPrice() })
    await fixture.batchesIn("mined", 1)
    expect((await fixture.transactions())[0]?.max_fee_per_gas).toBe(await fixture.chain.getGasPrice())
  })
})

describe("a chain with EIP-1559", () => {
  let fixture: SettlementFixture
  let proxy: RpcFaultProxy
  beforeEach(async () => {
    fixture = await createSettlementFixture()
    proxy = await startRpcFaultProxy(fixture.anvil.rpcUrl)
  })
  afterEach(async () => {
    await fixture.close()
    await proxy.close()
  })

  async function settledType(): Promise<string | undefined> {
    fixture.run({ rpcUrls: [proxy.url] })
    await fixture.adjust([["ann", 7n]])
    await fixture.flush()
    await fixture.batchesIn("mined", 1)
    return read((await fixture.transactions())[0]?.raw).type
  }

  it("gets its transactions, unless the operator wants legacy ones", async () => {
    expect(await settledType()).toBe("eip1559")
    await fixture.configure({ transaction_type: "legacy" })
    await fixture.adjust([["bob", 3n]])
    await fixture.flush()
    await fixture.batchesIn("mined", 2)
    expect((await fixture.transactions()).map((row) => row.transaction_type)).toEqual(["eip1559", "legacy"])
  })

  it("whose nodes tell no history of fees gets legacy ones, which it takes as well", async () => {
    proxy.set("eth_feeHistory", {
      fault: "error",
      code: -32601,
      message: "the method eth_feeHistory does not exist",
      isForwarded: false,
    })
    expect(await settledType()).toBe("legacy")
  })
})
