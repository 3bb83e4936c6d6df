import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { deployBlockingToken } from "../../support/deploy-blocking-token.ts"
import { type RpcFaultProxy, startRpcFaultProxy } from "../../support/rpc-fault-proxy.ts"
import { createSettlementFixture, type SettlementFixture } from "../../support/settlement-fixture.ts"
import { waitUntil } from "../../support/wait-until.ts"

describe("an endpoint that makes the signer's count up", () => {
  let fixture: SettlementFixture
  let proxy: RpcFaultProxy
  beforeEach(async () => {
    fixture = await createSettlementFixture({ strategy: { max_wait_time_ms: 50 } })
    proxy = await startRpcFaultProxy(fixture.anvil.rpcUrl)
  })
  afterEach(async () => {
    await fixture.close()
    await proxy.close()
  })

  const nextNonce = async () =>
    (await fixture.db.selectFrom("settlement.signers").select("next_nonce").executeTakeFirstOrThrow())
      .next_nonce

  it("has no nonce left out and stops no lane, where another endpoint says otherwise", async () => {
    fixture.run({ rpcUrls: [proxy.url, fixture.anvil.rpcUrl] })
    await fixture.adjust([["ann", 1n]])
    await fixture.batchesIn("mined", 1)
    expect(await nextNonce()).toBe(1n)
    const asked = proxy.seen.get("eth_getTransactionCount") ?? 0
    proxy.set("eth_getTransactionCount", { fault: "result", result: "0x64" })
    await waitUntil(async () => (proxy.seen.get("eth_getTransactionCount") ?? 0) >= asked + 6, {
      what: "it has told its lie often enough",
    })
    expect(await nextNonce()).toBe(1n)
    expect(await fixture.alarms()).toEqual([])
    proxy.clear()
    await fixture.adjust([["bob", 1n]])
    await fixture.batchesIn("mined", 2)
    expect((await fixture.transactions()).map(({ nonce }) => nonce)).toEqual([0n, 1n])
  })

  it("is believed where it is the only one, as far as stopping goes: no nonce is passed over for a count alone", async () => {
    fixture.run({ rpcUrls: [proxy.url] })
    await fixture.adjust([["ann", 1n]])
    await fixture.batchesIn("mined", 1)
    proxy.set("eth_getTransactionCount", { fault: "result", result: "0x5" })
    await waitUntil(async () => (await fixture.alarms()).some(({ kind }) => kind === "foreign_transaction"), {
      what: "there is an alarm",
    })
    expect(await nextNonce()).toBe(1n)
  })
})

describe("an endpoint that names a newer block than there is", () => {
  it("has no nonce given up whose call nothing but the nonce keeps from being made twice, as long as its block is young", async () => {
    const fixture = await createSettlementFixture({
      ...{ mode: "batch-mint-burn", deploy: deployBlockingToken },
      // The chain calls a block final that is two below the newest one.
      anvilArgs: ["--slots-in-an-epoch", "1"],
    })
    const proxy = await startRpcFaultProxy(fixture.anvil.rpcUrl)
    try {
      proxy.set("eth_getBlockByNumber", { fault: "lead", blocks: 1_000 })
      fixture.run({ rpcUrls: [proxy.url, fixture.anvil.rpcUrl] })
      await fixture.rpc("evm_setAutomine", false)
      await fixture.adjust([["ann", 7n]])
      await fixture.flush()
      await fixture.batchesIn("broadcast", 1)
      await fixture.token.callAsAdmin("pause")
      await fixture.rpc("anvil_mine", "0x4")
      const first = await waitUntil(
        async () => (await fixture.batches()).find(({ last_error }) => last_error !== null) ?? false,
        { what: "the batch says what became of its nonce", describe: () => fixture.batches() },
      )
      expect(first.last_error).toMatch(/not shown to be used up .* is not final/)
      const nonces = await fixture.db.selectFrom("settlement.nonces").selectAll().execute()
      expect(nonces).toMatchObject([{ nonce: 0n, spent_in_vain_at: null }])
      expect(proxy.provoked.get("lead")).toBeGreaterThan(0)
    } finally {
      await fixture.close()
      await proxy.close()
    }
  })
})
