import { setTimeout } from "node:timers/promises"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { type RpcFaultProxy, startRpcFaultProxy } from "../../support/rpc-fault-proxy.ts"
import { createSettlementFixture, type SettlementFixture } from "../../support/settlement-fixture.ts"
import { replaceSoon, transactionsSaved } from "../../support/stuck-batch.ts"
import { waitUntil } from "../../support/wait-until.ts"

const send = "eth_sendRawTransaction"
const secret = "a-key-that-nobody-may-see"

describe("a private relay", () => {
  let fixture: SettlementFixture
  let open: RpcFaultProxy
  let relay: RpcFaultProxy
  let endpoints: { readonly rpcUrls: readonly string[]; readonly privateRelayUrl: string }
  beforeEach(async () => {
    fixture = await createSettlementFixture()
    open = await startRpcFaultProxy(fixture.anvil.rpcUrl)
    relay = await startRpcFaultProxy(fixture.anvil.rpcUrl)
    endpoints = { rpcUrls: [open.url], privateRelayUrl: `${relay.url}/${secret}` }
  })
  afterEach(async () => {
    await fixture.close()
    await open.close()
    await relay.close()
  })

  async function settle(): Promise<void> {
    await fixture.adjust([["ann", 7n]])
    await fixture.flush()
  }
  const sentOpenly = () => open.seen.get(send) ?? 0

  it("gets every transaction, and the public endpoints none; they are only asked", async () => {
    fixture.run(endpoints)
    await settle()
    await fixture.batchesIn("mined", 1)
    expect(relay.seen.get(send)).toBe(1)
    expect(sentOpenly()).toBe(0)
    expect([...relay.seen.keys()].sort()).toEqual(["eth_chainId", send])
    expect([...(await fixture.settledCounts()).values()]).toEqual([1])
  })

  it("that takes transactions and mines none: they are replaced there, and nothing reaches the public pool", async () => {
    relay.set(send, { fault: "result", result: `0x${"00".repeat(32)}` })
    await fixture.configure(replaceSoon)
    fixture.run(endpoints)
    await settle()
    await transactionsSaved(fixture, 3)
    await waitUntil(async () => (relay.seen.get(send) ?? 0) >= 3, { what: "the relay was sent three" })
    expect(sentOpenly()).toBe(0)
    expect(await fixture.rpc("txpool_status")).toMatchObject({ pending: "0x0", queued: "0x0" })
  })

  it("and mines none: after the time that the operator allows they go to the public endpoints too", async () => {
    relay.set(send, { fault: "result", result: `0x${"00".repeat(32)}` })
    await fixture.configure({ private_relay_alone_ms: 4_000n })
    fixture.run(endpoints)
    await settle()
    await waitUntil(async () => (relay.seen.get(send) ?? 0) >= 2, { what: "the relay was sent two" })
    await setTimeout(500)
    expect(sentOpenly()).toBe(0)
    await fixture.batchesIn("mined", 1)
    expect(sentOpenly()).toBeGreaterThan(0)
    expect(await fixture.transactions()).toHaveLength(1)
  })

  it("that fails keeps its URL's secret: it is in no log, no error and no status", async () => {
    const message = `daily limit of ${secret} reached at ${endpoints.privateRelayUrl}`
    relay.set(send, { fault: "error", code: -32000, message, isForwarded: false })
    const child = fixture.spawn(endpoints)
    const batcher = fixture.run(endpoints)
    await settle()
    const waiting = await waitUntil(async () => (await fixture.batches())[0]?.last_error ?? false, {
      what: "it says why",
    })
    expect(waiting).toMatch(/private 127\.0\.0\.1:\d+: rpc_error \(-32000 daily limit of … reached/)
    expect(sentOpenly()).toBe(0)
    await relay.refuse()
    await waitUntil(
      async () => /ECONNREFUSED|circuit_open/.test((await fixture.batches())[0]?.last_error ?? ""),
      {
        what: "the refusal is told",
      },
    )
    const told = [
      child.log(),
      JSON.stringify(await batcher.status(), (_, value) =>
        typeof value === "bigint" ? String(value) : value,
      ),
      JSON.stringify(await fixture.alarms(), String),
      JSON.stringify((await fixture.transactions()).map(({ last_error }) => last_error)),
    ]
    expect(told[1]).toContain("private 127.0.0.1")
    for (const text of told) expect(text).not.toContain(secret)
    expect(sentOpenly()).toBe(0)
    await relay.start()
    relay.clear()
    await fixture.batchesIn("mined", 1, 40_000)
  })
})
