import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { type ChainClient, createChainClient } from "../../../platform/rpc/chain-client.ts"
import { type Anvil, startAnvil } from "../../support/anvil.ts"
import { callJsonRpc } from "../../support/call-json-rpc.ts"
import { deployToken } from "../../support/deploy-token.ts"
import { type RpcFaultProxy, startRpcFaultProxy } from "../../support/rpc-fault-proxy.ts"
import { waitUntil } from "../../support/wait-until.ts"

const secret = "c2VjcmV0LWtleS1vZi1hLWN1c3RvbWVy"

describe("the gateway to a chain", () => {
  let anvil: Anvil
  let other: Anvil
  let first: RpcFaultProxy
  let second: RpcFaultProxy
  let nowMs = 0
  beforeAll(async () => {
    anvil = await startAnvil()
    other = await startAnvil({ args: ["--chain-id", "31337", "--timestamp", "1700000000"] })
  })
  afterAll(() => Promise.all([anvil.stop(), other.stop()]))
  beforeEach(async () => {
    first = await startRpcFaultProxy(anvil.rpcUrl)
    second = await startRpcFaultProxy(anvil.rpcUrl)
    nowMs = 0
  })
  afterEach(() => Promise.all([first.close(), second.close()]))

  function client(
    urls: readonly string[] = [`${first.url}/v2/${secret}`, second.url],
    chainId = 31_337n,
  ): ChainClient {
    return createChainClient({
      chainId,
      urls,
      limits: {
        timeoutMs: 3_000,
        retryDelayMs: 10,
        hedgeMs: 10_000,
        breaker: { failuresMax: 3, openMs: 1_000, openMsMax: 5_000 },
      },
      nowMs: () => nowMs,
    })
  }

  it("reads the logs of blocks with very many of them, and no more than it may", async () => {
    const chatty = await startAnvil()
    const address = `0x${"c0de".repeat(10)}` as const
    const [bytes, calls] = [700_000, 9]
    try {
      const [from] = (await callJsonRpc(chatty.rpcUrl, "eth_accounts", [])) as string[]
      // Its code logs so many bytes of memory.
      const code = `0x62${bytes.toString(16).padStart(6, "0")}6000a000`
      await callJsonRpc(chatty.rpcUrl, "anvil_setCode", [address, code])
      for (let call = 1; call <= calls; call += 1) {
        await callJsonRpc(chatty.rpcUrl, "eth_sendTransaction", [{ from, to: address, gas: "0xb71b00" }])
        // anvil answers before it has mined, and what waits together goes into one block.
        await waitUntil(async () => Number(await callJsonRpc(chatty.rpcUrl, "eth_blockNumber", [])) >= call, {
          what: `block ${call} is mined`,
        })
      }
      const filter = { fromBlock: 0n, toBlock: BigInt(calls), addresses: [address], topics: [] }
      const open = (logsBytesMax?: number) =>
        createChainClient({
          ...{ chainId: 31_337n, urls: [chatty.rpcUrl] },
          limits: { timeoutMs: 30_000, ...(logsBytesMax === undefined ? {} : { logsBytesMax }) },
        })
      const logs = await open().getLogs(filter)
      expect(logs.map(({ data }) => data.length)).toEqual(Array(calls).fill(2 + 2 * bytes))
      await expect(open(1_000_000).getLogs(filter)).rejects.toThrow(/too_long/)
    } finally {
      await chatty.stop()
    }
  })

  it("asks the first endpoint, and the next one when that fails", async () => {
    const chain = client()
    expect(await chain.reads.getChainId()).toBe(31_337)
    expect(second.seen.size).toBe(0)
    for (const rule of [
      { fault: "status", status: 502 },
      { fault: "html" },
      { fault: "cut" },
      { fault: "swallow_answer" },
      { fault: "error", code: -32005, message: "limit exceeded", isForwarded: false },
    ] as const) {
      first.set("eth_blockNumber", rule, 1)
      expect(await chain.reads.getBlockNumber()).toBe(0n)
    }
    expect(second.seen.get("eth_blockNumber")).toBe(5)
  })

  it("takes a revert for the chain's answer: nobody else is asked", async () => {
    const token = await deployToken(anvil.rpcUrl)
    const call = client().reads.call({ to: token.address, data: "0xdeadbeef" })
    await expect(call).rejects.toThrow(/revert/)
    expect(second.seen.size).toBe(0)
  })

  it("takes a call that breaks off without a reason for the chain's answer as well, and asks for the rest as before", async () => {
    const chain = client()
    // INVALID, which Solidity once had for `assert`; nothing to add; a jump to nowhere; an opcode that there is not; for ever; beyond all memory.
    for (const code of [
      "0xfe",
      "0x01",
      "0x600056",
      "0x0c",
      "0x5b600056",
      `0x7f${"f".repeat(64)}51`,
    ] as const) {
      const to = `0x${"b0".repeat(20)}` as const
      await callJsonRpc(anvil.rpcUrl, "anvil_setCode", [to, code])
      for (let call = 0; call < 4; call += 1)
        await expect(chain.reads.call({ to, gas: 100_000n }), code).rejects.toThrow(/EVM error/)
    }
    expect(chain.status()).toMatchObject([{ isOpen: false, faults: 0 }, { requests: 0 }])
  })

  it("leaves an endpoint alone that keeps failing, and tries it again after a while", async () => {
    first.set("*", { fault: "status", status: 500 })
    const chain = client()
    for (let call = 0; call < 5; call += 1) await chain.reads.getBlockNumber()
    expect(first.seen.get("eth_chainId")).toBe(3)
    expect(chain.status()).toMatchObject([{ isOpen: true }, { isOpen: false, lastFault: null }])
    first.clear()
    nowMs = 1_000
    await chain.reads.getBlockNumber()
    expect(first.seen.get("eth_blockNumber")).toBe(1)
    expect(chain.status()).toMatchObject([{ isOpen: false }, {}])
  })

  it("has nothing to do with an endpoint of another chain", async () => {
    const wrong = client(undefined, 1n)
    await expect(wrong.reads.getBlockNumber()).rejects.toThrow(/serves chain 31337, wanted is 1/)
    expect(await client(undefined, 1n).broadcast("0x02")).toMatchObject([
      { fault: { kind: "wrong_chain" } },
      {},
    ])
    expect(first.seen.has("eth_sendRawTransaction")).toBe(false)
  })

  it("never tells the key in a URL", async () => {
    first.set("*", {
      fault: "error",
      code: -32000,
      message: `project ${secret} is over its limit`,
      isForwarded: false,
    })
    await second.refuse()
    const chain = client()
    const errors: unknown[] = []
    await chain.reads.getBlockNumber().catch((error: unknown) => errors.push(error))
    await chain.canonicalBlock(0n).catch((error: unknown) => errors.push(error))
    first.set("*", { fault: "status", status: 401 })
    await chain.reads.getBlockNumber().catch((error: unknown) => errors.push(error))
    errors.push(chain.status(), await chain.broadcast("0x02"))
    expect(errors).toHaveLength(5)
    expect(allText(errors)).not.toContain(secret)
    expect(allText(errors)).toContain("over its limit")
  })

  it("sends a transaction to every endpoint and reports each answer", async () => {
    await second.refuse()
    const answers = await client().broadcast("0x02")
    expect(answers).toMatchObject([
      { answer: "fault", fault: { kind: "rpc_error", mayHaveArrived: true } },
      { answer: "fault", fault: { kind: "unreachable", mayHaveArrived: false } },
    ])
  })

  it("says that it got nowhere when no endpoint answers, and why", async () => {
    await first.refuse()
    second.set("*", { fault: "html" })
    await expect(client().reads.getBlockNumber()).rejects.toMatchObject({
      message: expect.stringMatching(
        /no endpoint answered eth_blockNumber: #1 .*ECONNREFUSED.*; #2 .*not_json_rpc/,
      ),
    })
  })

  describe("agreement", () => {
    beforeEach(async () => {
      await callJsonRpc(other.rpcUrl, "anvil_mine", ["0x1"])
      await callJsonRpc(anvil.rpcUrl, "anvil_mine", ["0x1"])
    })

    it("names the hash that all endpoints name", async () => {
      const chain = client()
      const { hash } = await chain.reads.getBlock({ blockNumber: 1n })
      expect((await chain.canonicalBlock(1n))?.hash).toBe(hash)
      expect(await chain.canonicalBlock(10_000n)).toBeNull()
    })

    it("refuses to choose between two hashes", async () => {
      await expect(client([anvil.rpcUrl, other.rpcUrl]).canonicalBlock(1n)).rejects.toMatchObject({
        code: "RPC_DISAGREEMENT",
        retryable: true,
      })
    })

    it("leaves out an endpoint that fails or lags", async () => {
      const chain = client()
      const { hash } = await chain.reads.getBlock({ blockNumber: 1n })
      first.set("eth_getBlockByNumber", { fault: "cut" })
      expect((await chain.canonicalBlock(1n))?.hash).toBe(hash)
      first.set("eth_getBlockByNumber", { fault: "result", result: null })
      expect((await chain.canonicalBlock(1n))?.hash).toBe(hash)
    })

    it("reads logs that every endpoint past the range has", async () => {
      const token = await deployToken(anvil.rpcUrl)
      const chain = client()
      const toBlock = await chain.reads.getBlockNumber()
      const filter = { addresses: [token.address], fromBlock: 0n, toBlock }
      const logs = await chain.getLogs(filter)
      expect(logs.length).toBeGreaterThan(0)
      expect(logs[0]).toMatchObject({ address: token.address, blockNumber: expect.any(BigInt) })
      first.set("eth_getLogs", { fault: "result", result: [] })
      await expect(chain.getLogs(filter)).rejects.toMatchObject({ code: "RPC_DISAGREEMENT" })
      // One that has not reached the end of the range would leave logs out without a word.
      first.set("eth_blockNumber", { fault: "result", result: "0x0" })
      expect(await chain.getLogs(filter)).toEqual(logs)
      await expect(chain.getLogs({ ...filter, toBlock: 10_000n })).rejects.toMatchObject({
        code: "RPC_UNAVAILABLE",
      })
    })
  })
})

/** Everything an error could be printed as: its own fields and those of its causes. */
function allText(value: unknown, depth = 0): string {
  if (depth > 6 || value === null || value === undefined) return ""
  if (typeof value !== "object") return String(value)
  const own = Object.getOwnPropertyNames(value).map((name) =>
    allText((value as Record<string, unknown>)[name], depth + 1),
  )
  return [value instanceof Error ? String(value.stack) : "", ...own].join("\n")
}
