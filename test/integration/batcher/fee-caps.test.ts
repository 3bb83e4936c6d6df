import { setTimeout } from "node:timers/promises"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { startRpcFaultProxy } from "../../support/rpc-fault-proxy.ts"
import { createSettlementFixture, type SettlementFixture } from "../../support/settlement-fixture.ts"
import { mineAll, replaceSoon, stickBatch } from "../../support/stuck-batch.ts"
import { waitUntil } from "../../support/wait-until.ts"

const gwei = 10n ** 9n

describe("max_fee", () => {
  let fixture: SettlementFixture
  beforeEach(async () => {
    fixture = await createSettlementFixture()
    await fixture.configure(replaceSoon)
  })
  afterEach(() => fixture.close())

  const baseFee = (wei: bigint) => fixture.rpc("anvil_setNextBlockBaseFeePerGas", `0x${wei.toString(16)}`)
  const alarms = async () => (await fixture.alarms()).map(({ kind }) => kind)

  it("ends replacing: the last transaction stays, an alarm says so and goes when it is mined", async () => {
    await fixture.configure({ replace_after_ms: 600_000n })
    await fixture.rpc("evm_setAutomine", false)
    fixture.run()
    await stickBatch(fixture, () => undefined)
    const [only] = await fixture.transactions()
    await fixture.configure({ ...replaceSoon, max_fee_per_gas: only?.max_fee_per_gas ?? 0n })
    const alarm = await waitUntil(
      async () => (await fixture.alarms()).find(({ kind }) => kind === "nonce_at_fee_cap") ?? false,
      { what: "there is an alarm" },
    )
    expect(alarm.message).toMatch(/would have to offer \d+ wei per gas, max_fee is \d+/)
    await setTimeout(2_000)
    expect(await fixture.transactions()).toHaveLength(1)
    await mineAll(fixture, 1)
    await waitUntil(async () => (await alarms()).length === 0, { what: "the alarm is cleared" })
  })

  it("that is raised lets it go on, and the alarm goes", async () => {
    await fixture.configure({ replace_after_ms: 600_000n })
    fixture.run()
    await stickBatch(fixture, () => undefined)
    const [only] = await fixture.transactions()
    const max = only?.max_fee_per_gas ?? 0n
    await fixture.configure({ ...replaceSoon, max_fee_per_gas: max })
    await waitUntil(async () => (await alarms()).includes("nonce_at_fee_cap"), { what: "there is an alarm" })
    await fixture.configure({ max_fee_per_gas: (max * 9n) / 8n + 1n })
    await waitUntil(async () => (await fixture.transactions()).length === 2, { what: "it is replaced" })
    expect((await fixture.transactions())[1]?.max_fee_per_gas).toBeLessThanOrEqual((max * 9n) / 8n + 1n)
  })

  it("below what the chain asks: batches are sealed and say why they wait, nothing is sent, and it goes on by itself", async () => {
    await fixture.configure({ max_fee_per_gas: 50n * gwei })
    await fixture.rpc("evm_setAutomine", false)
    await baseFee(200n * gwei)
    fixture.run({ limits: { feeCapAlarmMs: 8_000 } })
    await fixture.adjust([["ann", 7n]])
    await fixture.flush()
    const waiting = await waitUntil(
      async () => (await fixture.batches()).find(({ last_error }) => last_error !== null) ?? false,
      { what: "it says why" },
    )
    expect(waiting).toMatchObject({ state: "sealed", failures: 0 })
    expect(waiting.last_error).toMatch(/the chain asks for \d+ wei per gas, max_fee is 50000000000/)
    // Not at once: fees rise and fall.
    expect(await alarms()).toEqual([])
    await fixture.adjust([["bob", 3n]])
    await fixture.flush()
    await fixture.batchesIn("sealed", 2)
    await waitUntil(async () => (await alarms()).join() === "fee_cap", { what: "there is an alarm" })
    expect(await fixture.db.selectFrom("settlement.nonces").selectAll().execute()).toEqual([])
    expect(await fixture.rpc("txpool_status")).toMatchObject({ pending: "0x0", queued: "0x0" })

    await baseFee(gwei)
    await mineAll(fixture, 2)
    await waitUntil(async () => (await alarms()).length === 0, { what: "the alarm is cleared" })
    for (const { max_fee_per_gas } of await fixture.transactions())
      expect(max_fee_per_gas).toBeLessThanOrEqual(50n * gwei)
    expect([...(await fixture.settledCounts()).values()]).toEqual([1, 1])
  })

  it("that the chain passes between reserving and signing keeps the nonce for later", async () => {
    await fixture.adjust([["ann", 7n]])
    await fixture.flush()
    await fixture.spawn({ dieAt: "reserved" }).ended
    await fixture.configure({ max_fee_per_gas: 50n * gwei })
    await fixture.rpc("evm_setAutomine", false)
    await baseFee(200n * gwei)
    fixture.run()
    await waitUntil(async () => /max_fee/.test((await fixture.batches())[0]?.last_error ?? ""), {
      what: "it says why",
    })
    expect(await fixture.transactions()).toEqual([])
    await baseFee(gwei)
    await mineAll(fixture, 1)
    expect((await fixture.transactions()).map(({ nonce }) => nonce)).toEqual([0n])
  })
})

describe("the chain's gas limits", () => {
  let fixture: SettlementFixture
  beforeEach(async () => {
    fixture = await createSettlementFixture({ strategy: { max_retries: 100 } })
    await fixture.adjust([["ann", 7n]])
    await fixture.flush()
  })
  afterEach(() => fixture.close())

  const reason = () =>
    waitUntil(async () => (await fixture.batches())[0]?.last_error ?? false, { what: "it says why" })

  it("of a block: a batch that needs more fails in the simulation, says so, and goes when blocks are larger", async () => {
    await fixture.rpc("evm_setBlockGasLimit", "0x9c40")
    fixture.run()
    expect(await reason()).toMatch(/needs .*gas.*transaction may use.*\b40000\b/)
    expect(await fixture.transactions()).toEqual([])
    await fixture.rpc("evm_setBlockGasLimit", "0x1c9c380")
    await fixture.batchesIn("mined", 1)
  })

  it("of a transaction (EIP-7825): the same, whatever the blocks hold", async () => {
    const proxy = await startRpcFaultProxy(fixture.anvil.rpcUrl)
    // 500 recipients stay below it; a token may do more for each than ours does.
    proxy.set("eth_estimateGas", { fault: "result", result: "0x1000001" })
    fixture.run({ rpcUrls: [proxy.url] })
    expect(await reason()).toBe("the simulation reverts: needs 16777217 gas; a transaction may use 16777216")
    expect(await fixture.transactions()).toEqual([])
    proxy.set("eth_estimateGas", { fault: "result", result: "0x1000000" })
    const [saved] = await waitUntil(
      async () => {
        const transactions = await fixture.transactions()
        return transactions.length > 0 && transactions
      },
      { what: "what just fits is sent" },
    )
    expect(saved?.gas_limit).toBe(16_777_216n)
    await proxy.close()
  })
})

describe("an endpoint that names fees of its own", () => {
  it.each([
    ["eip1559", "eth_feeHistory"],
    ["legacy", "eth_gasPrice"],
  ] as const)("has nobody pay them, where another endpoint says otherwise: %s", async (type, method) => {
    const fixture = await createSettlementFixture({ strategy: { max_wait_time_ms: 50 } })
    const proxy = await startRpcFaultProxy(fixture.anvil.rpcUrl)
    try {
      await fixture.configure({ transaction_type: type })
      const tooMuch = `0x${(10_000n * gwei).toString(16)}`
      proxy.set(method, {
        fault: "result",
        result:
          type === "legacy"
            ? tooMuch
            : {
                oldestBlock: "0x0",
                baseFeePerGas: [tooMuch, tooMuch],
                gasUsedRatio: [1],
                reward: [[tooMuch]],
              },
      })
      fixture.run({ rpcUrls: [proxy.url, fixture.anvil.rpcUrl] })
      await fixture.adjust([["ann", 7n]])
      await fixture.batchesIn("mined", 1)
      expect(proxy.seen.get(method)).toBeGreaterThan(0)
      expect((await fixture.transactions())[0]?.max_fee_per_gas).toBeLessThan(1_000n * gwei)
    } finally {
      await fixture.close()
      await proxy.close()
    }
  })
})
