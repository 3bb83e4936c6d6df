import { encodeFunctionData, keccak256, toHex } from "viem"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { cpopTokenAbi } from "../../../abis/cpop-token.ts"
import { deployToken } from "../../support/deploy-token.ts"
import { deployTreasury } from "../../support/deploy-treasury.ts"
import { type RpcFaultProxy, startRpcFaultProxy } from "../../support/rpc-fault-proxy.ts"
import { createSettlementFixture, type SettlementFixture } from "../../support/settlement-fixture.ts"
import { waitUntil } from "../../support/wait-until.ts"

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

const operatorRole = keccak256(toHex("OPERATOR_ROLE"))
const alarms = async () => (await fixture.alarms()).map(({ kind, message }) => `${kind}: ${message}`)
const states = async () => (await fixture.batches()).map(({ token_id: token, state }) => `${token} ${state}`)

async function register(token: {
  readonly address: string
  readonly symbol: string
  readonly treasury?: string
}): Promise<number> {
  const { token_id: tokenId } = await fixture.db
    .insertInto("registry.tokens")
    .values({
      chain_id: fixture.chainId,
      token_address: token.address,
      symbol: token.symbol,
      name: token.symbol,
      decimals: 18,
      features: token.treasury === undefined ? ["settle"] : [],
      settlement_mode: token.treasury === undefined ? "settle" : "treasury",
      treasury: token.treasury ?? null,
      start_block: 0n,
      is_default: false,
      strategy: JSON.stringify(fixture.strategy),
      drift_threshold: 0n,
    })
    .returning("token_id")
    .executeTakeFirstOrThrow()
  return tokenId
}

describe("one token's trouble keeps no other one", () => {
  it("where its contract does not say what its treasury has", async () => {
    const odd = await deployTreasury(fixture.anvil.rpcUrl)
    await odd.callTreasury("grantRole", operatorRole, fixture.token.operator)
    await register({ address: odd.address, symbol: "ODD", treasury: odd.treasury as string })
    const code = await fixture.chain.getCode({ address: odd.address })
    await fixture.rpc("anvil_setCode", odd.address, "0x60006000fd")
    fixture.run()
    await fixture.adjust([["ann", 1n]])
    await fixture.batchesIn("mined", 1)
    expect((await alarms()).join("\n")).toMatch(/^treasury_unreadable: .* of ODD cannot be read/)
    await fixture.rpc("anvil_setCode", odd.address, code)
    await waitUntil(async () => (await alarms()).length === 0, { what: "it can be read again" })
  })

  it("where no node finishes a simulation of its batch", async () => {
    const heavy = await deployToken(fixture.anvil.rpcUrl)
    const args = [operatorRole, fixture.token.operator] as const
    await heavy.sendAsAdmin(encodeFunctionData({ abi: cpopTokenAbi, functionName: "grantRole", args }))
    const tokenId = await register({ address: heavy.address, symbol: "HEAVY" })
    proxy.set("eth_estimateGas", {
      ...{ fault: "error", code: -32_000, isForwarded: false, to: heavy.address },
      message: "execution aborted (timeout = 5s)",
    })
    fixture.run({ rpcUrls: [proxy.url] })
    await fixture.adjust([["ann", 1n]], { tokenId })
    await waitUntil(async () => (await fixture.batches()).length === 1, { what: "the heavy batch is sealed" })
    await fixture.adjust([["bob", 1n]])
    await waitUntil(async () => (await states()).includes(`${fixture.tokenId} mined`), {
      what: "the other one is settled",
      describe: () => fixture.batches(),
    })
    await waitUntil(async () => (await alarms()).length > 0, { what: "somebody is told" })
    expect(await states()).toEqual([`${tokenId} sealed`, `${fixture.tokenId} mined`])
    expect((await alarms()).join("\n")).toMatch(/^batch_failing: batch 1 waits: .*execution aborted/)
    expect((await fixture.batches())[0]).toMatchObject({ failures: 0 })
    proxy.clear()
    await fixture.batchesIn("mined", 2)
  })
})

it("a turn that failed is not passed over as long as no block comes, and somebody is told", async () => {
  fixture.run({ rpcUrls: [proxy.url] })
  await fixture.adjust([["ann", 1n]])
  await fixture.batchesIn("mined", 1)
  // Nothing wakes the desk from here on, and the chain stands still.
  proxy.set("eth_getBalance", { fault: "error", code: -32_000, message: "no", isForwarded: false })
  await waitUntil(async () => (await alarms()).some((alarm) => alarm.startsWith("signer_failing: ")), {
    what: "the signer's alarm",
    describe: alarms,
  })
  proxy.clear()
  await waitUntil(async () => (await alarms()).length === 0, { what: "the alarm is cleared" })
})

it("a receipt that is kept from us makes nobody a thief", async () => {
  proxy.set("eth_getTransactionReceipt", { fault: "result", result: null })
  const batcher = fixture.run({ rpcUrls: [proxy.url] })
  await fixture.adjust([["ann", 1n]])
  await fixture.batchesIn("broadcast", 1)
  await fixture.rpc("anvil_mine", "0x5")
  const batch = await waitUntil(
    async () => (await fixture.batches()).find(({ last_error: error }) => error !== null) ?? false,
    { what: "the batch says what is the matter", describe: () => fixture.batches() },
  )
  expect(batch.last_error).toMatch(/^nonce 0 is used up, and it is not known by what: .* is ours and mined/)
  await waitUntil(async () => (await alarms()).length > 0, { what: "somebody is told that it waits" })
  const told = [expect.stringMatching(/^batch_failing: batch 1 waits: nonce 0 is used up/)]
  expect(await alarms()).toEqual(told)
  // Another one has it, and they do not agree.
  await fixture.stop(batcher)
  const both = fixture.run({ rpcUrls: [proxy.url, fixture.anvil.rpcUrl] })
  await new Promise((resolve) => setTimeout(resolve, 2_000))
  expect(await alarms()).toEqual(told)
  await fixture.stop(both)
  proxy.clear()
  fixture.run({ rpcUrls: [proxy.url] })
  await fixture.batchesIn("mined", 1)
  expect([...(await fixture.settledCounts()).values()]).toEqual([1])
})

it("a signer is registered with a count that the endpoints agree on", async () => {
  await fixture.rpc("anvil_setNonce", fixture.token.operator, "0x2")
  proxy.set("eth_getTransactionCount", { fault: "stale_nonce", behind: 2 }, 2)
  fixture.run({ rpcUrls: [proxy.url, fixture.anvil.rpcUrl] })
  await fixture.adjust([["ann", 1n]])
  await fixture.batchesIn("mined", 1)
  expect((await fixture.transactions()).map(({ nonce }) => nonce)).toEqual([2n])
  expect(await alarms()).toEqual([])
})

it("what is mined and not confirmed takes no place from what is claimed", async () => {
  fixture.run({ limits: { deskPageBatches: 3 } })
  for (let count = 1; count <= 5; count += 1) {
    await fixture.adjust([[`user-${count}`, 1n]])
    await fixture.batchesIn("mined", count)
  }
})

it("a pause that is committed while a batch is simulated keeps it from getting a nonce", async () => {
  let isPaused = false
  fixture.run({
    onStep: async (step) => {
      if (step !== "simulated" || isPaused) return
      isPaused = true
      await fixture.db
        .updateTable("settlement.lanes")
        .set({ paused_at: new Date(), paused_by: "operator", paused_reason: "look" })
        .execute()
    },
  })
  await fixture.adjust([["ann", 1n]])
  await waitUntil(async () => isPaused, { what: "the lane is paused" })
  await new Promise((resolve) => setTimeout(resolve, 1_500))
  expect(await fixture.db.selectFrom("settlement.nonces").selectAll().execute()).toEqual([])
  await fixture.resume()
  await fixture.batchesIn("mined", 1)
})

it("the gas of a batch is that of the block it was confirmed in", async () => {
  const batcher = fixture.run()
  await fixture.adjust([["ann", 1n]])
  const [mined] = await fixture.batchesIn("mined", 1)
  await fixture.stop(batcher)
  await fixture.db
    .updateTable("settlement.batches")
    .set({ block_hash: `0x${"ee".repeat(32)}`, effective_gas_price: 1n, gas_used: 1n })
    .execute()
  await fixture.confirm()
  expect(await fixture.batches()).toMatchObject([
    { state: "confirmed", gas_used: null, effective_gas_price: null },
  ])
  fixture.run()
  await waitUntil(async () => (await fixture.batches())[0]?.gas_used !== null, { what: "the gas is known" })
  expect((await fixture.batches())[0]).toMatchObject({
    gas_used: mined?.gas_used,
    effective_gas_price: mined?.effective_gas_price,
  })
})
