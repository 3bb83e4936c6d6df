import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest"
import { type ChainClient, createChainClient } from "../../../platform/rpc/chain-client.ts"
import { type Anvil, startAnvil } from "../../support/anvil.ts"
import { callJsonRpc } from "../../support/call-json-rpc.ts"
import { type RpcFaultProxy, startRpcFaultProxy } from "../../support/rpc-fault-proxy.ts"
import { waitUntil } from "../../support/wait-until.ts"

const address = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266"
const target = "0x70997970c51812dc3a010c7d01b50e0d17dc79c8"

let anvil: Anvil
let proxies: RpcFaultProxy[]
beforeAll(async () => {
  anvil = await startAnvil()
  await callJsonRpc(anvil.rpcUrl, "anvil_mine", ["0x3"])
  const hash = await callJsonRpc(anvil.rpcUrl, "eth_sendTransaction", [
    { from: address, to: target, value: "0x1" },
  ])
  // anvil answers before it has mined.
  await waitUntil(
    async () => (await callJsonRpc(anvil.rpcUrl, "eth_getTransactionReceipt", [hash])) !== null,
    { what: "it is mined" },
  )
})
afterAll(() => anvil.stop())
beforeEach(async () => {
  proxies = await Promise.all([1, 2, 3].map(() => startRpcFaultProxy(anvil.rpcUrl)))
})
afterEach(() => Promise.all(proxies.map((proxy) => proxy.close())))

function client(): ChainClient {
  const urls = proxies.map(({ url }) => url)
  return createChainClient({ chainId: 31_337n, urls, limits: { timeoutMs: 5_000, retryDelayMs: 10 } })
}
function proxy(index: number): RpcFaultProxy {
  const found = proxies[index]
  if (found === undefined) throw new TypeError(`no proxy ${index}`)
  return found
}

it("counts the transactions up to a block", async () => {
  expect(await client().transactionCountAt(address, 3n)).toBe(0n)
  expect(await client().transactionCountAt(address, 4n)).toBe(1n)
})

it("does not choose between two counts, whoever has the majority", async () => {
  proxy(1).set("eth_getTransactionCount", { fault: "result", result: "0x7" })
  await expect(client().transactionCountAt(address, 4n)).rejects.toMatchObject({
    code: "RPC_DISAGREEMENT",
    retryable: true,
  })
})

it("takes nothing for agreed that is said of another block", async () => {
  const other = { number: "0x4", hash: `0x${"ab".repeat(32)}`, timestamp: "0x1" }
  proxy(2).set("eth_getBlockByNumber", { fault: "result", result: other })
  await expect(client().transactionCountAt(address, 4n)).rejects.toMatchObject({
    code: "RPC_DISAGREEMENT",
  })
})

it("does with two of three, and not with one", async () => {
  proxy(0).set("eth_getTransactionCount", { fault: "status", status: 502 })
  expect(await client().transactionCountAt(address, 4n)).toBe(1n)
  // One that lags is not asked, and does not count.
  proxy(1).set("eth_getBlockByNumber", { fault: "result", result: null })
  await expect(client().transactionCountAt(address, 4n)).rejects.toMatchObject({
    code: "RPC_UNAVAILABLE",
    retryable: true,
    message: expect.stringMatching(/1 of 3 endpoints/),
  })
  expect(proxy(1).seen.get("eth_getTransactionCount")).toBe(1)
})

it("leaves out an endpoint whose answer is no answer", async () => {
  proxy(0).set("eth_getTransactionCount", { fault: "result", result: "soon" })
  expect(await client().transactionCountAt(address, 4n)).toBe(1n)
  proxy(1).set("eth_getTransactionCount", { fault: "result", result: "soon" })
  await expect(client().transactionCountAt(address, 4n)).rejects.toMatchObject({
    code: "RPC_UNAVAILABLE",
  })
})

it("tells a block that nobody has yet from one without transactions of the account", async () => {
  await expect(client().transactionCountAt(address, 100n)).rejects.toMatchObject({
    code: "RPC_UNAVAILABLE",
  })
})
