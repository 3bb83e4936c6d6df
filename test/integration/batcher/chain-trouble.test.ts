import { createWalletClient, encodeFunctionData, http } from "viem"
import { privateKeyToAccount } from "viem/accounts"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { cpopTokenAbi } from "../../../abis/cpop-token.ts"
import { type RpcFaultProxy, startRpcFaultProxy } from "../../support/rpc-fault-proxy.ts"
import { createSettlementFixture, type SettlementFixture } from "../../support/settlement-fixture.ts"
import { inPool } from "../../support/stuck-batch.ts"
import { waitUntil } from "../../support/wait-until.ts"

describe("what a chain does to a batch", () => {
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

  it("a reorganisation takes the block: the batch is sent again, the same bytes", async () => {
    fixture.run()
    await fixture.adjust([["ann", 7n]])
    await fixture.flush()
    const [before] = await fixture.batchesIn("mined", 1)
    await fixture.rpc("evm_setAutomine", false)
    await fixture.rpc("anvil_rollback", 1)
    expect(await fixture.settledCounts()).toEqual(new Map())
    await fixture.batchesIn("broadcast", 1)
    // Unmined is noted before it is sent again.
    await inPool(fixture, before?.tx_hash ?? undefined)
    await fixture.rpc("anvil_mine", "0x2")
    const [after] = await fixture.batchesIn("mined", 1)
    expect(after?.tx_hash).toBe(before?.tx_hash)
    expect(after?.block_hash).not.toBe(before?.block_hash)
    expect(await fixture.settledCounts()).toEqual(new Map([[before?.batch_id, 1]]))
    expect(await fixture.transactions()).toHaveLength(1)
  })

  it("a node makes a receipt up: when its block is confirmed without the batch, the bytes are sent again", async () => {
    await fixture.rpc("evm_setAutomine", false)
    fixture.run({ rpcUrls: [proxy.url] })
    await fixture.adjust([["ann", 7n]])
    await fixture.flush()
    await fixture.batchesIn("broadcast", 1)
    await fixture.rpc("anvil_dropAllTransactions")
    const { number, hash } = await fixture.chain.getBlock()
    const [only] = await fixture.transactions()
    proxy.set("eth_getTransactionCount", { fault: "result", result: "0x1" })
    proxy.set("eth_getTransactionReceipt", {
      fault: "result",
      result: {
        ...{ transactionHash: only?.hash, blockNumber: `0x${number.toString(16)}`, blockHash: hash },
        ...{ status: "0x1", gasUsed: "0x1", effectiveGasPrice: "0x1", cumulativeGasUsed: "0x1", type: "0x2" },
        logs: [{ address: fixture.token.address, topics: [], data: "0x", logIndex: "0x0" }],
      },
    })
    await fixture.batchesIn("mined", 1)
    const now = new Date()
    await fixture.db
      .insertInto("ledger.chain_cursors")
      .values({
        ...{ chain_id: fixture.chainId, block_number: number, block_hash: hash },
        ...{ block_time: now, updated_at: now },
      })
      .execute()
    const isAlarmed = async () => (await fixture.alarms()).some(({ kind }) => kind === "batch_failing")
    await waitUntil(
      async () => {
        await fixture.rpc("evm_mine")
        return isAlarmed()
      },
      { what: "somebody is told" },
    )
    proxy.clear()
    await waitUntil(
      async () => {
        await fixture.rpc("evm_mine")
        return (await fixture.settledCounts()).size === 1
      },
      { what: "the batch is on the chain", describe: () => fixture.batches() },
    )
    await fixture.batchesIn("mined", 1)
    expect((await fixture.transactions()).map((row) => row.hash)).toEqual([only?.hash])
  })

  it("a transaction reverts: after the confirmation depth, and not before, the same batch goes with a new nonce", async () => {
    await fixture.rpc("evm_setAutomine", false)
    fixture.run()
    await fixture.adjust([["ann", 7n]])
    await fixture.flush()
    await fixture.batchesIn("broadcast", 1)
    await fixture.token.callAsAdmin("pause")
    const [first] = await fixture.transactions()
    const receipt = await fixture.chain.getTransactionReceipt({ hash: first?.hash as `0x${string}` })
    expect(receipt.status).toBe("reverted")
    await fixture.rpc("evm_mine")
    await new Promise((resolve) => setTimeout(resolve, 2_500))
    expect(await fixture.batches()).toMatchObject([{ state: "broadcast" }])
    await fixture.token.callAsAdmin("unpause")
    const [again] = await waitUntil(
      async () => {
        await fixture.rpc("evm_mine")
        const batches = await fixture.batches()
        return batches[0]?.state === "mined" && batches
      },
      { what: "the batch is mined", describe: () => fixture.batches() },
    )
    expect(await fixture.settledCounts()).toEqual(new Map([[again?.batch_id, 1]]))
    expect((await fixture.transactions()).map(({ nonce }) => nonce)).toEqual([0n, 1n])
    const nonces = await fixture.db.selectFrom("settlement.nonces").selectAll().orderBy("nonce").execute()
    expect(nonces).toMatchObject([{ spent_in_vain_at: expect.any(Date) }, { spent_in_vain_at: null }])
  })

  it("a transaction reverts, and one endpoint keeps that from us for ever: what the other one says is enough", async () => {
    proxy.set("eth_getTransactionReceipt", { fault: "result", result: null })
    await fixture.rpc("evm_setAutomine", false)
    fixture.run({ rpcUrls: [proxy.url, fixture.anvil.rpcUrl] })
    await fixture.adjust([["ann", 7n]])
    await fixture.flush()
    await fixture.batchesIn("broadcast", 1)
    await fixture.token.callAsAdmin("pause")
    await fixture.token.callAsAdmin("unpause")
    await waitUntil(
      async () => {
        await fixture.rpc("evm_mine")
        return (await fixture.settledCounts()).size === 1
      },
      { what: "the batch is on the chain", describe: () => fixture.batches(), timeoutMs: 60_000 },
    )
    expect([...(await fixture.settledCounts()).values()]).toEqual([1])
    expect((await fixture.transactions()).map(({ nonce }) => nonce)).toEqual([0n, 1n])
  })

  it("a simulation that reverts spends no nonce; after the last retry the lane stops with the token's own reason", async () => {
    await fixture.token.callAsAdmin("pause")
    fixture.run()
    await fixture.adjust([["ann", 7n]])
    await fixture.flush()
    const lane = await fixture.untilPaused()
    expect(lane.paused_reason).toMatch(/failed 3 times.*EnforcedPause/)
    expect(await fixture.transactions()).toEqual([])
    expect((await fixture.alarms()).map(({ kind, ledger_id }) => [kind, ledger_id]).sort()).toEqual([
      ["batch_failing", fixture.ledgerId],
      ["lane_paused", fixture.ledgerId],
    ])
    await fixture.token.callAsAdmin("unpause")
    await fixture.resume()
    await fixture.batchesIn("mined", 1)
    expect(await fixture.compare()).toMatchObject([{ ledger: 7n, chain: 7n }])
  })

  it("a simulation breaks off without a reason, as an old contract's assertion does: the lane stops as well", async () => {
    const { address } = fixture.token
    const code = (await fixture.chain.getCode({ address })) ?? "0x"
    await fixture.rpc("anvil_setCode", address, "0xfe")
    fixture.run()
    await fixture.adjust([["ann", 7n]])
    await fixture.flush()
    const lane = await fixture.untilPaused(20_000)
    expect(lane.paused_reason).toMatch(/failed 3 times.*InvalidFEOpcode/)
    expect(await fixture.transactions()).toEqual([])
    await fixture.rpc("anvil_setCode", address, code)
    await fixture.resume()
    await fixture.batchesIn("mined", 1)
    expect(await fixture.compare()).toMatchObject([{ ledger: 7n, chain: 7n }])
  })

  it("the token has seen the batch already: no nonce is spent on it, and the logs confirm it", async () => {
    await fixture.adjust([["ann", 7n]])
    await fixture.flush()
    const first = fixture.spawn({ dieAt: "sealed" })
    await first.ended
    const [batch] = await fixture.batches()
    await fixture.token.sendAsAdmin(
      encodeFunctionData({
        abi: cpopTokenAbi,
        functionName: "settle",
        args: [BigInt(batch?.batch_id ?? 0), `0x${batch?.deltas.toString("hex")}`],
      }),
    )
    fixture.run()
    await waitUntil(async () => /seen this batch/.test((await fixture.batches())[0]?.last_error ?? ""), {
      what: "the batcher says so",
    })
    await fixture.confirm()
    expect(await fixture.batches()).toMatchObject([{ state: "confirmed", failures: 0 }])
    expect(await fixture.transactions()).toEqual([])
    expect([...(await fixture.settledCounts()).values()]).toEqual([1])
  })

  it("a transaction of somebody else on the signer: alarm and pause, and its nonce is never taken", async () => {
    const batcher = fixture.run()
    await waitUntil(async () => (await batcher.status()).desks[0]?.isHeld === true, { what: "it runs" })
    const operator = privateKeyToAccount(fixture.token.operatorKey)
    await createWalletClient({ account: operator, transport: http(fixture.anvil.rpcUrl) }).sendTransaction({
      to: operator.address,
      chain: null,
    })
    await waitUntil(async () => (await fixture.alarms()).some(({ kind }) => kind === "foreign_transaction"), {
      what: "there is an alarm",
    })
    await fixture.rpc("anvil_mine", "0x3")
    const signer = () => fixture.db.selectFrom("settlement.signers").selectAll().executeTakeFirstOrThrow()
    await waitUntil(async () => (await signer()).next_nonce === 1n, { what: "its nonce is passed over" })
    await fixture.adjust([["ann", 7n]])
    await fixture.flush()
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    expect(await fixture.batches()).toEqual([])
    await fixture.resume()
    await fixture.batchesIn("mined", 1)
    expect((await fixture.transactions()).map(({ nonce }) => nonce)).toEqual([1n])
  })

  it("a nonce that is not mined raises an alarm, which goes when it is", async () => {
    await fixture.db
      .updateTable("registry.tokens")
      .set({ strategy: JSON.stringify({ ...fixture.strategy, pending_alarm_ms: 500 }) })
      .execute()
    await fixture.rpc("evm_setAutomine", false)
    fixture.run()
    await fixture.adjust([["ann", 7n]])
    await fixture.flush()
    await waitUntil(async () => (await fixture.alarms()).some(({ kind }) => kind === "stuck_nonce"), {
      what: "there is an alarm",
    })
    await fixture.rpc("evm_mine")
    await fixture.batchesIn("mined", 1)
    await waitUntil(async () => (await fixture.alarms()).length === 0, { what: "the alarm is cleared" })
  })

  it("the indexer confirms a batch before its receipt is seen: the gas figures are filled in", async () => {
    proxy.set("eth_getTransactionReceipt", { fault: "result", result: null })
    fixture.run({ rpcUrls: [proxy.url] })
    await fixture.adjust([["ann", 7n]])
    await fixture.flush()
    await fixture.batchesIn("broadcast", 1)
    await waitUntil(async () => (await fixture.settledCounts()).size === 1, { what: "it is on the chain" })
    await fixture.confirm()
    expect(await fixture.batches()).toMatchObject([{ state: "confirmed", gas_used: null }])
    proxy.clear()
    const batch = await waitUntil(
      async () => {
        const [row] = await fixture.batches()
        return row?.gas_used != null && row
      },
      { what: "the gas is known", describe: () => fixture.batches() },
    )
    expect(batch).toMatchObject({ state: "confirmed", gas_used: expect.any(BigInt) })
  })

  it("a confirmation is revoked: the stored bytes are sent again, and the account waits until its batch is back", async () => {
    fixture.run()
    await fixture.adjust([["ann", 7n]])
    await fixture.flush()
    await fixture.batchesIn("mined", 1)
    await fixture.confirm()
    await fixture.rpc("evm_setAutomine", false)
    await fixture.rpc("anvil_rollback", 1)
    await fixture.revoke()
    await fixture.adjust([["ann", 3n]])
    await fixture.flush()
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect(await fixture.batches()).toMatchObject([{ state: "broadcast" }])
    await waitUntil(
      async () => ((await fixture.rpc("txpool_status")) as { pending: string }).pending === "0x1",
      {
        what: "the transaction is back in the pool",
      },
    )
    await fixture.rpc("evm_mine")
    await fixture.batchesIn("mined", 1)
    await fixture.confirm()
    await waitUntil(async () => (await fixture.batches()).length === 2, {
      what: "the later change is sealed",
    })
    await fixture.rpc("evm_setAutomine", true)
    await fixture.rpc("evm_mine")
    await waitUntil(
      async () => (await fixture.compare()).every(({ ledger, chain }) => ledger === 10n && chain === 10n),
      {
        what: "both are on the chain",
      },
    )
    expect([...(await fixture.settledCounts()).values()]).toEqual([1, 1])
  })
})
