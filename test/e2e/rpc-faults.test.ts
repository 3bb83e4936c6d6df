import { setTimeout as sleep } from "node:timers/promises"
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts"
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest"
import { type Anvil, startAnvil } from "../support/anvil.ts"
import { operationOf } from "../support/backend.ts"
import { callJsonRpc } from "../support/call-json-rpc.ts"
import { controlChain } from "../support/chain-control.ts"
import { expectBooksBalance } from "../support/expect-books-balance.ts"
import { type FaultStack, startFaultStack } from "../support/fault-stack.ts"
import { type RpcFaultProxy, startRpcFaultProxy } from "../support/rpc-fault-proxy.ts"
import { waitUntil } from "../support/wait-until.ts"

const unit = 10n ** 18n

/** The same chain as the local one, but somebody else's and behind a node that misbehaves. */
describe("a node that does not do what it should", () => {
  let anvil: Anvil
  let proxy: RpcFaultProxy
  let faults: FaultStack

  beforeAll(async () => {
    anvil = await startAnvil({ args: ["--accounts", "0", "--prune-history", "64"] })
    const key = generatePrivateKey()
    const { address } = privateKeyToAccount(key)
    await callJsonRpc(anvil.rpcUrl, "anvil_setBalance", [address, "0x3635c9adc5dea00000"])
    proxy = await startRpcFaultProxy(anvil.rpcUrl)
    faults = await startFaultStack({
      args: ["--rpc-url", proxy.url],
      environment: { SIGNER_PRIVATE_KEY: key },
    })
    await callJsonRpc(anvil.rpcUrl, "evm_setIntervalMining", [1])
  })
  afterEach(() => proxy.clear())
  afterAll(async () => {
    await faults.close()
    await proxy.close()
    await anvil.stop()
  })

  const balanced = () => expectBooksBalance(faults.stack(), faults.backend)
  /** How the chain is, whatever the proxy says. */
  const chain = () => controlChain({ ...faults.stack(), rpc_url: anvil.rpcUrl })

  const sends = () => proxy.seen.get("eth_sendRawTransaction") ?? 0

  test("it answers late", async () => {
    proxy.set("*", { fault: "delay", ms: 1_500 })
    await faults.backend.record(operationOf([["late", 9n * unit]]))
    await chain().settlement((await chain().settlements()).length)
    await sleep(3_000)
    proxy.clear()
    await balanced()
  })

  test("it refuses: errors, pages for people, then not even a connection", async () => {
    const before = (await chain().settlements()).length
    const sentBefore = sends()
    proxy.set(
      "eth_sendRawTransaction",
      { fault: "error", code: -32000, message: "txpool is full", isForwarded: false },
      2,
    )
    await faults.backend.record(operationOf([["refused", 9n * unit]]))
    await waitUntil(async () => sends() > sentBefore, { what: "it was sent" })
    proxy.set("*", { fault: "html" })
    await sleep(2_000)
    proxy.set("*", { fault: "status", status: 503 })
    await faults.backend.record(operationOf([["refused", -unit]]))
    await sleep(2_000)
    proxy.clear()
    await proxy.refuse()
    await faults.backend.record(operationOf([["refused", -unit]]))
    await sleep(4_000)
    expect(await chain().settlements()).toHaveLength(before)
    await proxy.start()
    await balanced()
  })

  test("it takes a transaction and never says so", async () => {
    const before = (await chain().settlements()).length
    proxy.set("eth_sendRawTransaction", { fault: "swallow_answer" })
    await faults.backend.record(operationOf([["silent", 9n * unit]]))
    await chain().settlement(before)
    await faults.backend.record(operationOf([["silent", -unit]]))
    await chain().settlement(before + 1)
    proxy.set("eth_sendRawTransaction", { fault: "cut_answer" })
    await faults.backend.record(operationOf([["silent", -unit]]))
    await chain().settlement(before + 2)
    proxy.clear()
    await balanced()
  })

  test("it takes everything and answers nothing", async () => {
    await faults.backend.record(operationOf([["mute", 9n * unit]]))
    proxy.set("*", { fault: "swallow_answer" })
    await sleep(8_000)
    proxy.clear()
    await balanced()
  })
})
