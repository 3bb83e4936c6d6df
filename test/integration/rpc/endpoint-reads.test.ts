import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest"
import { createChainClient } from "../../../platform/rpc/chain-client.ts"
import { type Anvil, startAnvil } from "../../support/anvil.ts"
import { callJsonRpc } from "../../support/call-json-rpc.ts"
import { type RpcFaultProxy, startRpcFaultProxy } from "../../support/rpc-fault-proxy.ts"
import { waitUntil } from "../../support/wait-until.ts"

let anvil: Anvil
let first: RpcFaultProxy
let second: RpcFaultProxy
let nowMs = 0
beforeAll(async () => {
  anvil = await startAnvil()
  await callJsonRpc(anvil.rpcUrl, "anvil_mine", ["0x20"])
})
afterAll(() => anvil.stop())
beforeEach(async () => {
  first = await startRpcFaultProxy(anvil.rpcUrl)
  second = await startRpcFaultProxy(anvil.rpcUrl)
  nowMs = 0
})
afterEach(() => Promise.all([first.close(), second.close()]))

const client = (limits: Partial<Parameters<typeof createChainClient>[0]["limits"]> = {}, urls?: string[]) =>
  createChainClient({
    chainId: 31_337n,
    urls: urls ?? [first.url, second.url],
    limits: { timeoutMs: 3_000, retryDelayMs: 10, hedgeMs: 10_000, ...limits },
    nowMs: () => nowMs,
  })

/** Nobody waits for the comparison: until both were asked, and have had time to answer. */
async function compared(times: number): Promise<void> {
  await waitUntil(
    async () => [first, second].every(({ seen }) => (seen.get("eth_blockNumber") ?? 0) >= times),
    { what: "the heads are compared" },
  )
  await sleep(200)
}

it("asks the next endpoint as well when the first one takes its time, and takes the first answer", async () => {
  const chain = client({ hedgeMs: 100, timeoutMs: 10_000 })
  first.set("eth_blockNumber", { fault: "delay", ms: 4_000 })
  const began = Date.now()
  expect(await chain.reads.getBlockNumber()).toBe(32n)
  expect(Date.now() - began).toBeLessThan(3_500)
  expect(second.seen.get("eth_blockNumber")).toBe(1)
  // An answer that comes late is no fault.
  await sleep(4_500)
  expect(chain.status()).toMatchObject([{ faults: 0 }, { faults: 0 }])
})

it("waits for a slow endpoint that is the only one to answer", async () => {
  second.set("*", { fault: "status", status: 502 })
  first.set("eth_blockNumber", { fault: "delay", ms: 500 })
  expect(await client({ hedgeMs: 50 }).reads.getBlockNumber()).toBe(32n)
})

it("asks an endpoint last that lags behind the others, and first again when it has caught up", async () => {
  first.set("eth_blockNumber", { fault: "result", result: "0x8" })
  const chain = client({ headsEveryMs: 1_000 })
  const gasPrice = () => chain.reads.request({ method: "eth_gasPrice" })
  await gasPrice()
  expect(second.seen.size).toBe(0)
  nowMs = 1_000
  await gasPrice()
  await compared(1)
  await gasPrice()
  expect([first.seen.get("eth_gasPrice"), second.seen.get("eth_gasPrice")]).toEqual([2, 1])
  // Better than none.
  second.set("eth_gasPrice", { fault: "cut" })
  await gasPrice()
  expect(first.seen.get("eth_gasPrice")).toBe(3)
  first.clear()
  second.clear()
  nowMs = 2_000
  await gasPrice()
  await compared(2)
  await gasPrice()
  expect(first.seen.get("eth_gasPrice")).toBe(4)
})

it("counts one that is some blocks behind as good", async () => {
  first.set("eth_blockNumber", { fault: "result", result: "0x1d" })
  const chain = client({ headsEveryMs: 1_000 })
  nowMs = 1_000
  await chain.reads.getChainId()
  await compared(1)
  await chain.reads.getChainId()
  expect(second.seen.get("eth_chainId")).toBe(1)
})

it("asks no endpoint more often than it bears: what is too much waits, and what would wait too long goes to the others", async () => {
  const chain = client({ requestsPerSecond: 10, timeoutMs: 3_000 })
  const began = Date.now()
  await Promise.all(Array.from({ length: 50 }, () => chain.reads.request({ method: "eth_gasPrice" })))
  expect(Date.now() - began).toBeGreaterThan(2_000)
  const [asked, others] = [first.seen.get("eth_gasPrice") ?? 0, second.seen.get("eth_gasPrice") ?? 0]
  expect(asked + others).toBe(50)
  expect(others).toBeGreaterThan(5)
  expect(others).toBeLessThan(15)
  expect(chain.status()).toMatchObject([{ isOpen: false }, { isOpen: false }])
})

it.each<[string, Parameters<RpcFaultProxy["set"]>[1]]>([
  ["429", { fault: "status", status: 429 }],
  ["500", { fault: "status", status: 500 }],
  ["a page for people", { fault: "html" }],
  ["text that is no JSON", { fault: "garbage" }],
  ["a connection that breaks", { fault: "cut" }],
])("goes on to the next endpoint after %s, and back when that is over", async (_name, rule) => {
  const chain = client()
  first.set("eth_blockNumber", rule, 1)
  expect(await chain.reads.getBlockNumber()).toBe(32n)
  expect(await chain.reads.getBlockNumber()).toBe(32n)
  expect([first.seen.get("eth_blockNumber"), second.seen.get("eth_blockNumber")]).toEqual([2, 1])
})
