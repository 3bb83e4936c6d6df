import { createWalletClient, http } from "viem"
import { privateKeyToAccount } from "viem/accounts"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { type RpcFaultProxy, type RpcFaultRule, startRpcFaultProxy } from "../../support/rpc-fault-proxy.ts"
import { createSettlementFixture, type SettlementFixture } from "../../support/settlement-fixture.ts"
import { waitUntil } from "../../support/wait-until.ts"

const send = "eth_sendRawTransaction"

describe("what a node answers to a transaction", () => {
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

  async function expectSettledOnce(): Promise<void> {
    const batches = await fixture.batchesIn("mined", 1)
    expect(await fixture.settledCounts()).toEqual(new Map(batches.map(({ batch_id }) => [batch_id, 1])))
    expect(await fixture.compare()).toMatchObject([{ ledger: 7n, chain: 7n }])
    expect(await fixture.transactions()).toHaveLength(1)
    expect(await fixture.alarms()).toEqual([])
  }

  async function settleWith(rule: RpcFaultRule, times: number): Promise<void> {
    proxy.set(send, rule, times)
    fixture.run({ rpcUrls: [proxy.url] })
    await fixture.adjust([["ann", 7n]])
    await fixture.flush()
  }

  it.each<[string, RpcFaultRule]>([
    ["no answer, though it arrived", { fault: "swallow_answer" }],
    ["a connection that breaks after it arrived", { fault: "cut_answer" }],
    ["a connection that breaks before it arrived", { fault: "cut" }],
    ["status 503", { fault: "status", status: 503 }],
    ["status 500", { fault: "status", status: 500 }],
    ["status 429", { fault: "status", status: 429 }],
    ["a page for people", { fault: "html" }],
    ["JSON that is cut short", { fault: "garbage" }],
    ["an answer that comes too late", { fault: "delay", ms: 2_500 }],
    [
      "'already known' for bytes that it has",
      { fault: "error", code: -32000, message: "already known", isForwarded: true },
    ],
    [
      "'nonce too low' for bytes that it has just mined",
      { fault: "error", code: -32000, message: "nonce too low", isForwarded: true },
    ],
    ["'txpool is full'", { fault: "error", code: -32000, message: "txpool is full", isForwarded: false }],
  ])("%s: settled, once", async (_name, rule) => {
    await settleWith(rule, 1)
    if (rule.fault !== "error" || rule.isForwarded) return expectSettledOnce()
    await fixture.batchesIn("mined", 1)
    // A refusal is somebody's business until the batch is through.
    expect(await fixture.alarms()).toMatchObject([{ kind: "batch_failing" }])
    await fixture.confirm()
    await waitUntil(async () => (await fixture.alarms()).length === 0, { what: "the alarm is cleared" })
  })

  it("sends bytes again that wait in the pool, and the node knows them", async () => {
    await fixture.rpc("evm_setAutomine", false)
    await settleWith({ fault: "swallow_answer" }, 1)
    await waitUntil(async () => (proxy.seen.get(send) ?? 0) >= 3, { what: "the bytes were sent three times" })
    expect(await fixture.batches()).toMatchObject([{ state: "broadcast" }])
    await fixture.rpc("evm_mine")
    await expectSettledOnce()
  })

  it("refused connections: the other endpoint is used, and the first again when it is back", async () => {
    await proxy.refuse()
    fixture.run({ rpcUrls: [proxy.url, fixture.anvil.rpcUrl] })
    await fixture.adjust([["ann", 7n]])
    await fixture.flush()
    await expectSettledOnce()
  })

  it("refused connections everywhere: nothing is lost, and it goes on when the node is back", async () => {
    const batcher = fixture.run({ rpcUrls: [proxy.url] })
    await waitUntil(async () => (await batcher.status()).desks[0]?.isHeld === true, { what: "it runs" })
    await proxy.refuse()
    await fixture.adjust([["ann", 7n]])
    await fixture.flush()
    await waitUntil(async () => /RPC|endpoint/.test((await batcher.status()).desks[0]?.lastFault ?? ""), {
      what: "the fault is told",
    })
    await fixture.batchesIn("sealed", 1)
    await proxy.start()
    await expectSettledOnce()
  })

  it("'replacement underpriced': somebody else signs with our key, so the lane stops and says so; resumed, the same batch goes with the next nonce", async () => {
    const batcher = fixture.run()
    await waitUntil(async () => (await batcher.status()).desks[0]?.isHeld === true, {
      what: "the signer is registered",
    })
    await fixture.rpc("evm_setAutomine", false)
    const operator = privateKeyToAccount(fixture.token.operatorKey)
    await createWalletClient({ account: operator, transport: http(fixture.anvil.rpcUrl) }).sendTransaction({
      to: operator.address,
      nonce: 0,
      gas: 21_000n,
      maxFeePerGas: 900n * 10n ** 9n,
      maxPriorityFeePerGas: 100n * 10n ** 9n,
      chain: null,
    })
    await fixture.adjust([["ann", 7n]])
    await fixture.flush()
    await waitUntil(async () => (await fixture.alarms()).some(({ kind }) => kind === "foreign_transaction"), {
      what: "there is an alarm",
      describe: () => fixture.batches(),
    })
    await fixture.rpc("anvil_mine", "0x4")
    await waitUntil(async () => (await fixture.batches())[0]?.state === "sealed", {
      what: "the nonce is given up",
      describe: () => fixture.batches(),
    })
    const [lane] = await fixture.db.selectFrom("settlement.lanes").selectAll().execute()
    expect(lane?.paused_reason).toMatch(/somebody else/)
    await fixture.rpc("evm_setAutomine", true)
    await fixture.resume()
    const [batch] = await fixture.batchesIn("mined", 1)
    expect(await fixture.settledCounts()).toEqual(new Map([[batch?.batch_id, 1]]))
    expect((await fixture.transactions()).map(({ nonce }) => nonce)).toEqual([0n, 1n])
  })

  it("'insufficient funds': the lane stops and says so; with coins and resumed it goes on", async () => {
    const batcher = fixture.run()
    await waitUntil(async () => (await batcher.status()).desks[0]?.isHeld === true, { what: "it runs" })
    await fixture.rpc("anvil_setBalance", fixture.token.operator, "0x1")
    await fixture.adjust([["ann", 7n]])
    await fixture.flush()
    await waitUntil(async () => (await fixture.alarms()).some(({ kind }) => kind === "signer_balance"), {
      what: "there is an alarm",
      describe: () => fixture.batches(),
    })
    await fixture.rpc("anvil_setBalance", fixture.token.operator, "0xde0b6b3a7640000")
    await fixture.resume()
    await fixture.batchesIn("mined", 1)
    expect(await fixture.compare()).toMatchObject([{ ledger: 7n, chain: 7n }])
    expect(await fixture.transactions()).toHaveLength(1)
  })
})
