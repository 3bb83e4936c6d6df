import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { type RpcFaultProxy, startRpcFaultProxy } from "../../support/rpc-fault-proxy.ts"
import { createSettlementFixture, type SettlementFixture } from "../../support/settlement-fixture.ts"
import { waitUntil } from "../../support/wait-until.ts"

const users = (count: number, prefix = "user") =>
  Array.from({ length: count }, (_, index) => [`${prefix}-${index}`, 1n] as const)

const hex = (value: number) => `0x${value.toString(16)}`

/** What a node says whose blocks are that full, and whose base fee was the first and is now the second. */
function feeHistory(before: number, now: number, gasUsedRatio: number) {
  const baseFees = Array.from({ length: 21 }, (_, index) => (index < 18 ? before : now))
  return {
    oldestBlock: "0x0",
    baseFeePerGas: baseFees.map(hex),
    gasUsedRatio: baseFees.slice(1).map(() => gasUsedRatio),
  }
}

describe("sizing by the chain's congestion", () => {
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

  async function sealed(count: number) {
    return waitUntil(
      async () => {
        const batches = await fixture.batches()
        return batches.length === count && batches
      },
      { what: `${count} batches are sealed` },
    )
  }

  it.each([
    ["high", feeHistory(1_000, 2_000, 0.5), 15],
    ["medium", feeHistory(1_000, 1_000, 0.5), 25],
    ["low", feeHistory(1_000, 1_000, 0.1), 35],
  ] as const)("wants what the token's table says while congestion is %s", async (level, result, size) => {
    // What the chain has said once is kept for three blocks.
    await fixture.configure({ block_time_ms: 15_000 })
    proxy.set("eth_feeHistory", { fault: "result", result })
    // Too few for any size, in case the first answer comes too late to be waited for.
    await fixture.adjust(users(2, "first"))
    fixture.run({ rpcUrls: [proxy.url] })
    await waitUntil(async () => (proxy.provoked.get("result") ?? 0) > 0, { what: "the chain has answered" })
    await new Promise((resolve) => setTimeout(resolve, 300))
    await fixture.adjust(users(size - 3))
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(await fixture.batches()).toEqual([])
    await fixture.adjust(users(1, "one-more"))
    expect(await sealed(1)).toMatchObject([
      { trigger: "size", strategy: "adaptive", congestion: level, size_wanted: size, recipients: size },
    ])
  })

  it("takes the middle and says so when the chain does not answer, and is not held up by it", async () => {
    proxy.set("eth_feeHistory", { fault: "swallow_answer" })
    fixture.run({ rpcUrls: [proxy.url] })
    await fixture.adjust(users(25))
    const [batch] = await sealed(1)
    expect(batch).toMatchObject({ trigger: "size", congestion: null, size_wanted: 25, recipients: 25 })
    expect((batch?.sealed_at.getTime() ?? 0) - (batch?.oldest_change_at.getTime() ?? 0)).toBeLessThan(4_000)
  })

  it("asks the chain once a while, not once a look", async () => {
    fixture.run({ rpcUrls: [proxy.url] })
    const began = performance.now()
    for (let change = 0; change < 12; change += 1) {
      await fixture.adjust([[`user-${change}`, 1n]])
      await new Promise((resolve) => setTimeout(resolve, 60))
    }
    await waitUntil(async () => (proxy.seen.get("eth_feeHistory") ?? 0) > 0, { what: "the chain is asked" })
    const intervals = Math.ceil((performance.now() - began) / 2_000)
    expect(proxy.seen.get("eth_feeHistory")).toBeLessThanOrEqual(intervals + 1)
  })

  it("sends what waits while gas is cheap, from the smallest batch on", async () => {
    await fixture.db
      .updateTable("registry.tokens")
      .set({ strategy: JSON.stringify({ ...fixture.strategy, gas_price_floor_wei: "1500" }) })
      .execute()
    proxy.set("eth_feeHistory", { fault: "result", result: feeHistory(2_000, 2_000, 0.5) })
    fixture.run({ rpcUrls: [proxy.url] })
    await fixture.adjust(users(3))
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect(await fixture.batches()).toEqual([])
    proxy.set("eth_feeHistory", { fault: "result", result: feeHistory(1_499, 1_499, 0.5) })
    expect(await sealed(1)).toMatchObject([{ trigger: "gas_price", congestion: "medium", recipients: 3 }])
  })
})
