import { type Hex, toHex } from "viem"
import { privateKeyToAccount } from "viem/accounts"
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest"
import { type Anvil, startAnvil } from "../../support/anvil.ts"
import { callJsonRpc } from "../../support/call-json-rpc.ts"
import { type RpcFaultProxy, startRpcFaultProxy } from "../../support/rpc-fault-proxy.ts"

/** The proxy is what other tests believe: so it has to do what they ask of it. */
describe("a node behind the fault proxy", () => {
  let anvil: Anvil
  let proxy: RpcFaultProxy
  const account = privateKeyToAccount(toHex(11n, { size: 32 }))
  const direct = <Result>(method: string, ...params: unknown[]) =>
    callJsonRpc(anvil.rpcUrl, method, params) as Promise<Result>
  const asked = <Result>(path: string, method: string, ...params: unknown[]) =>
    callJsonRpc(`${proxy.url}${path}`, method, params) as Promise<Result>
  let nonce = 0
  const signNext = () =>
    account.signTransaction({
      ...{ type: "eip1559", chainId: 31_337, nonce: nonce++, to: account.address, gas: 21_000n },
      ...{ maxFeePerGas: 10n ** 11n, maxPriorityFeePerGas: 1n },
    })

  beforeAll(async () => {
    anvil = await startAnvil({ args: ["--no-mining", "--accounts", "0"] })
    proxy = await startRpcFaultProxy(anvil.rpcUrl)
    await direct("anvil_setBalance", account.address, toHex(10n ** 20n))
    await direct("anvil_mine", "0x5")
  })
  afterEach(() => proxy.clear())
  afterAll(async () => {
    await proxy.close()
    await anvil.stop()
  })

  test("lags: it knows nothing of the newest blocks, and all of the older ones", async () => {
    const hash = await direct<Hex>("eth_sendRawTransaction", await signNext())
    await direct("anvil_mine", "0x1")
    const head = Number(await direct<string>("eth_blockNumber"))
    proxy.set("*", { fault: "lag", blocks: 2 })
    expect(Number(await asked("/", "eth_blockNumber"))).toBe(head - 2)
    expect(await asked("/", "eth_getBlockByNumber", toHex(head), false)).toBeNull()
    expect(await asked("/", "eth_getBlockByNumber", "latest", false)).toMatchObject({
      number: toHex(head - 2),
    })
    expect(await asked("/", "eth_getTransactionReceipt", hash)).toBeNull()
    expect(await asked("/", "eth_getTransactionCount", account.address, "latest")).toBe("0x0")
    expect(await asked("/", "eth_getBlockByNumber", "0x1", false)).toEqual(
      await direct("eth_getBlockByNumber", "0x1", false),
    )
    await expect(asked("/", "eth_getBalance", account.address, toHex(head))).rejects.toThrow(
      "header not found",
    )
    // What it would have answered all the same does not count.
    const before = proxy.provoked.get("lag")
    await asked("/", "eth_chainId")
    expect(proxy.provoked.get("lag")).toBe(before)
    expect(before).toBe(6)
  })

  test("counts transactions too low", async () => {
    proxy.set("eth_getTransactionCount", { fault: "stale_nonce", behind: 3 })
    expect(await asked("/", "eth_getTransactionCount", account.address, "latest")).toBe("0x0")
    expect(await direct("eth_getTransactionCount", account.address, "latest")).toBe("0x1")
    expect(proxy.provoked.get("stale_nonce")).toBe(1)
  })

  test("takes a transaction and forgets it", async () => {
    const raw = await signNext()
    proxy.set("eth_sendRawTransaction", { fault: "drop" })
    const hash = await asked<Hex>("/", "eth_sendRawTransaction", raw)
    expect(await direct("eth_getTransactionByHash", hash)).toBeNull()
    expect(proxy.provoked.get("drop")).toBe(1)
    proxy.unset("eth_sendRawTransaction")
    expect(await asked("/", "eth_sendRawTransaction", raw)).toBe(hash)
    expect(await direct("eth_getTransactionByHash", hash)).toMatchObject({ hash })
  })

  test("breaks off in the middle, and says nothing until the caller gives up", async () => {
    proxy.set("*", { fault: "garbage" })
    await expect(asked("/", "eth_chainId")).rejects.toThrow(SyntaxError)
    proxy.set("*", { fault: "hold" })
    const given = fetch(proxy.url, {
      method: "POST",
      body: '{"id":1,"method":"a"}',
      signal: AbortSignal.timeout(200),
    })
    await expect(given).rejects.toThrow()
    await expect.poll(() => proxy.provoked.get("hold")).toBe(1)
  })

  test("is one of several: a rule of a path is no rule of another", async () => {
    proxy.set("eth_chainId", { fault: "result", result: "0x1" }, undefined, "/one")
    expect(await asked("/one", "eth_chainId")).toBe("0x1")
    expect(await asked("/two", "eth_chainId")).toBe("0x7a69")
    proxy.unset("eth_chainId", "/one")
    expect(await asked("/one", "eth_chainId")).toBe("0x7a69")
  })
})
