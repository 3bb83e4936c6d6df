import { afterEach, beforeEach, expect, it } from "vitest"
import { leaveRoom } from "../../support/leave-room.ts"
import { type RpcFaultProxy, startRpcFaultProxy } from "../../support/rpc-fault-proxy.ts"
import { createSettlementFixture, type SettlementFixture } from "../../support/settlement-fixture.ts"
import { waitUntil } from "../../support/wait-until.ts"

let fixture: SettlementFixture
beforeEach(async () => {
  // A token that is paused for a while must not stop the lane.
  fixture = await createSettlementFixture({ strategy: { max_retries: 100, retry_interval_ms: 1_000 } })
})
afterEach(() => fixture.close())

const many = (name: string, count: number, amount: bigint) =>
  Array.from({ length: count }, (_, index) => [`${name}${index}`, amount] as const)

const letters = () =>
  fixture.db.selectFrom("settlement.dead_letters").select(["reason"]).orderBy("dead_letter_id").execute()

const mined = (recipients: number) =>
  waitUntil(
    async () =>
      (await fixture.batches()).some((one) => one.state === "mined" && one.recipients === recipients),
    { what: `a batch of ${recipients} is mined`, timeoutMs: 40_000 },
  )

/** One of forty is refused, and the batcher is about to find out who. @returns the slow node that it asks */
async function lookForBob(): Promise<RpcFaultProxy> {
  await leaveRoom(fixture, 10_000n)
  const proxy = await startRpcFaultProxy(fixture.anvil.rpcUrl)
  proxy.set("eth_estimateGas", { fault: "delay", ms: 60 })
  fixture.run({ rpcUrls: [proxy.url] })
  await fixture.adjust([...many("good", 20, 1n), ["bob", 20_000n], ...many("fine", 19, 1n)])
  await fixture.flush()
  await waitUntil(async () => (proxy.seen.get("eth_estimateGas") ?? 0) >= 5, {
    what: "accounts are looked for",
  })
  return proxy
}

it.each([
  [-32016, "rate limit exceeded"],
  [-32000, "header not found"],
  [-32000, "execution aborted (timeout = 5s)"],
])(
  "a node that answers %i %s while accounts are looked for is not taken for the token",
  async (code, message) => {
    const proxy = await lookForBob()
    proxy.set("eth_estimateGas", { fault: "error", code, message, isForwarded: false })
    await new Promise((resolve) => setTimeout(resolve, 2_000))
    expect(await letters()).toEqual([])
    // Nor is the batch to blame.
    expect(await fixture.batches()).toMatchObject([{ state: "sealed", failures: 0 }])
    proxy.clear()
    await mined(39)
    expect(await letters()).toEqual([{ reason: "SupplyOverflow()" }])
    await proxy.close()
  },
)

it("many accounts are found by a slow node, though that takes longer than the lease", async () => {
  await leaveRoom(fixture, 10_000n)
  const proxy = await startRpcFaultProxy(fixture.anvil.rpcUrl)
  proxy.set("eth_estimateGas", { fault: "delay", ms: 100 })
  fixture.run({ rpcUrls: [proxy.url] })
  await fixture.adjust([...many("good", 32, 1n), ...many("bad", 8, 20_000n)])
  await fixture.flush()
  await mined(32)
  expect(await letters()).toHaveLength(8)
  await proxy.close()
})

it("a token that is paused while accounts are looked for makes dead letters of none", async () => {
  const proxy = await lookForBob()
  await fixture.token.callAsAdmin("pause")
  await waitUntil(async () => ((await fixture.batches())[0]?.failures ?? 0) >= 1, {
    what: "the batch has failed",
  })
  expect(await letters()).toEqual([])
  await fixture.token.callAsAdmin("unpause")
  await mined(39)
  await proxy.close()
})
