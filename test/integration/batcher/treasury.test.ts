import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { treasuryAbi } from "../../../abis/treasury.ts"
import { stepsOfEveryCall } from "../../../batcher/batcher-context.ts"
import type { SettlementMode } from "../../../ledger/domain/batch-calls.ts"
import { requestCancellation } from "../../../ledger/store/request-cancellation.ts"
import { deployBlockingToken } from "../../support/deploy-blocking-token.ts"
import { deployTreasury, type OddToken, treasuryFunds } from "../../support/deploy-treasury.ts"
import { startRpcFaultProxy } from "../../support/rpc-fault-proxy.ts"
import { sampled } from "../../support/sampled.ts"
import { createSettlementFixture, type SettlementFixture } from "../../support/settlement-fixture.ts"
import { waitUntil } from "../../support/wait-until.ts"

let fixture: SettlementFixture
let token: OddToken

async function open(): Promise<void> {
  fixture = await createSettlementFixture({
    mode: "treasury",
    deploy: async (rpcUrl) => {
      token = await deployTreasury(rpcUrl)
      return token
    },
    decimals: 6,
    strategy: { retry_interval_ms: 50 },
  })
}
afterEach(() => fixture.close())

const letters = () =>
  fixture.db.selectFrom("settlement.dead_letters").select(["reason"]).orderBy("dead_letter_id").execute()

/** Credits with several changes of one user, more users than one batch takes. */
const credits = [
  ...Array.from({ length: 60 }, (_, index) => [`user-${index % 45}`, BigInt(index + 1)] as const),
  ["whale", 2n ** 94n] as const,
]

describe("the same credits", () => {
  it.each<SettlementMode>(["settle", "batch-mint-burn", "treasury"])(
    "end with the ledger's balances under %s",
    async (mode) => {
      if (mode === "treasury") {
        await open()
        await token.set("mint", token.treasury, 2n ** 96n)
      } else fixture = await createSettlementFixture({ mode, deploy: deployBlockingToken })
      fixture.run()
      await fixture.adjust(credits)
      await fixture.flush()
      await fixture.batchesIn("mined", 2)
      const expected = new Map<string, bigint>()
      for (const [user, amount] of credits) expected.set(user, (expected.get(user) ?? 0n) + amount)
      const balances = await fixture.compare()
      expect(new Map(balances.map(({ user, chain }) => [user, chain]))).toEqual(expected)
      expect(balances.filter(({ ledger, chain }) => ledger !== chain)).toEqual([])
    },
  )
})

describe("a treasury", () => {
  beforeEach(open)

  const lane = () => fixture.db.selectFrom("settlement.lanes").selectAll().executeTakeFirstOrThrow()
  const kinds = async () => (await fixture.alarms()).map(({ kind }) => kind).sort()
  const expectSettled = async () =>
    expect((await fixture.compare()).filter(({ ledger, chain }) => ledger !== chain)).toEqual([])
  const three = [
    ["ann", 1_000n],
    ["bob", 500n],
    ["cleo", 20n],
  ] as const

  it("pays a token that returns nothing", async () => {
    await token.set("setAnswer", 1n)
    fixture.run()
    await fixture.adjust(three)
    await fixture.flush()
    await fixture.batchesIn("mined", 1)
    await expectSettled()
  })

  it("makes no dead letters of a token that returns false, and stops", async () => {
    await token.set("setAnswer", 2n)
    fixture.run()
    await fixture.adjust(three)
    await fixture.flush()
    expect(await fixture.untilPaused()).toMatchObject({
      paused_by: "errors",
      paused_reason: expect.stringMatching(/SafeERC20FailedOperation/),
    })
    expect(await letters()).toEqual([])
    await token.set("setAnswer", 0n)
    await fixture.resume()
    await fixture.batchesIn("mined", 1)
    await expectSettled()
  })

  it("pays the others where the token refuses one", async () => {
    await fixture.adjust(three)
    const bob = await fixture.db
      .selectFrom("ledger.accounts")
      .select("address")
      .where("user_id", "=", "bob")
      .executeTakeFirstOrThrow()
    await token.set("setBlocked", bob.address, true)
    fixture.run()
    await fixture.flush()
    await waitUntil(async () => (await fixture.batches())[1]?.state === "mined", { what: "the rest is paid" })
    expect(await fixture.batches()).toMatchObject([
      { state: "dead_letter", recipients: 3 },
      { state: "mined", recipients: 2 },
    ])
    expect(await letters()).toMatchObject([{ reason: expect.stringMatching(/revert/) }])
    expect((await fixture.compare()).map(({ user, chain }) => [user, chain])).toEqual([
      ["ann", 1_000n],
      ["bob", 0n],
      ["cleo", 20n],
    ])
    expect(await lane()).toMatchObject({ paused_at: null })
  })

  it("that is empty stops its lane, blames nobody, and goes on when it is funded", async () => {
    await token.callTreasury("withdraw", token.address, token.admin, treasuryFunds)
    fixture.run()
    await fixture.adjust(three)
    await fixture.flush()
    expect(await fixture.untilPaused()).toMatchObject({
      paused_by: "treasury",
      paused_reason: expect.stringMatching(
        new RegExp(
          `the treasury of CPOP holds 0.000000 CPOP, the batch needs 0.001520 CPOP: fund ${token.treasury}`,
        ),
      ),
    })
    await waitUntil(async () => (await kinds()).length === 3, { what: "there are alarms", describe: kinds })
    expect(await kinds()).toEqual(["lane_paused", "treasury_balance", "treasury_balance_low"])
    // The signer has coins, which says nothing about the treasury; and half of it is not enough.
    await token.set("mint", token.treasury, 1_519n)
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    expect(await lane()).toMatchObject({ paused_by: "treasury" })
    expect(await fixture.batches()).toMatchObject([{ state: "sealed", failures: 0 }])
    await token.set("mint", token.treasury, 1n)
    await fixture.batchesIn("mined", 1)
    await expectSettled()
    await token.set("mint", token.treasury, 100_000n)
    await waitUntil(async () => (await kinds()).length === 0, {
      what: "the alarms are cleared",
      describe: kinds,
    })
    expect(await letters()).toEqual([])
    expect(await fixture.transactions()).toHaveLength(1)
  })

  it("that holds a part blames nobody, though it could pay some of them alone", async () => {
    await token.callTreasury("withdraw", token.address, token.admin, treasuryFunds - 700n)
    fixture.run()
    await fixture.adjust(three)
    await fixture.flush()
    expect(await fixture.untilPaused()).toMatchObject({ paused_by: "treasury" })
    expect(await letters()).toEqual([])
    expect(await fixture.batches()).toMatchObject([{ state: "sealed", recipients: 3 }])
  })

  it("warns before it is empty", async () => {
    fixture.run()
    await fixture.adjust(three)
    await fixture.flush()
    await fixture.batchesIn("mined", 1)
    await token.callTreasury("withdraw", token.address, token.admin, treasuryFunds - 1_520n - 15_199n)
    await waitUntil(async () => (await kinds()).includes("treasury_balance_low"), {
      what: "there is a warning",
    })
    const [alarm] = await fixture.alarms()
    expect(alarm?.message).toMatch(
      /has 0.015199 CPOP left; 0.000000 CPOP wait to be paid, and the last batches paid 0.001520 CPOP/,
    )
    expect(await lane()).toMatchObject({ paused_at: null })
  })

  it("stops at once when the token begins to keep a share, and blames nobody", async () => {
    fixture.run()
    await fixture.adjust([["dora", 1n]])
    await fixture.flush()
    await fixture.batchesIn("mined", 1)
    await token.set("setFee", 30n)
    await fixture.adjust(three)
    await fixture.flush()
    expect(await fixture.untilPaused()).toMatchObject({
      paused_by: "errors",
      paused_reason: expect.stringMatching(/FeeOnTransferToken\(.*, 1000, 997\)/),
    })
    expect(await letters()).toEqual([])
    expect((await fixture.compare())[0]).toMatchObject({ user: "dora", chain: 1n })
    await token.set("setFee", 0n)
    await fixture.resume()
    await fixture.batchesIn("mined", 2)
    await expectSettled()
  })

  it.each([
    [
      "is emptied",
      "treasury",
      () => token.callTreasury("withdraw", token.address, token.admin, treasuryFunds),
      () => token.set("mint", token.treasury, treasuryFunds),
    ],
    [
      "has a token that takes a fee",
      "errors",
      () => token.set("setFee", 100n),
      () => token.set("setFee", 0n),
    ],
  ] as const)(
    "that %s after the batch was sent pays nobody, and everybody when that is over",
    async (_what, by, hurt, heal) => {
      await fixture.rpc("evm_setAutomine", false)
      fixture.run()
      await fixture.adjust(three)
      await fixture.flush()
      await fixture.batchesIn("broadcast", 1)
      // Goes in front of the batch, in the same block; then the revert has to be final.
      await hurt()
      await fixture.rpc("anvil_mine", "0x5")
      await fixture.rpc("evm_setAutomine", true)
      expect(await fixture.untilPaused()).toMatchObject({ paused_by: by })
      expect((await fixture.compare()).map(({ chain }) => chain)).toEqual([0n, 0n, 0n])
      expect(await letters()).toEqual([])
      await heal()
      if (by === "errors") await fixture.resume()
      await fixture.batchesIn("mined", 1)
      await expectSettled()
      expect([...(await fixture.settledCounts()).values()]).toEqual([1])
    },
  )

  it("never pays a batch whose id was taken out of use", async () => {
    await fixture.rpc("evm_setAutomine", false)
    fixture.run()
    await fixture.adjust(three)
    await fixture.flush()
    const [batch] = await fixture.batchesIn("broadcast", 1)
    const of = { ledgerId: fixture.ledgerId, batchId: batch?.batch_id ?? "", at: new Date() }
    const request = { ...of, reason: "a test", requestedBy: "test" }
    const asked = await fixture.db.transaction().execute((trx) => requestCancellation(trx, request))
    expect(asked).toMatchObject({ isNew: true })
    await waitUntil(async () => (await fixture.transactions()).length === 2, { what: "it is outbid" })
    await waitUntil(async () => (await fixture.transactions())[1]?.broadcast_at != null, {
      what: "it is sent",
    })
    await fixture.rpc("anvil_mine", "0x1")
    const isUsed = await fixture.chain.readContract({
      address: token.treasury,
      abi: treasuryAbi,
      functionName: "isBatchUsed",
      args: [BigInt(batch?.batch_id ?? 0)],
    })
    expect(isUsed).toBe(true)
    expect((await fixture.compare()).map(({ chain }) => chain)).toEqual([0n, 0n, 0n])
    expect(await fixture.settledCounts()).toEqual(new Map())
  })

  it("blames nobody where the token begins to keep a share while accounts are looked for", async () => {
    const many = Array.from({ length: 40 }, (_, index) => [`user-${index}`, 1_000n] as const)
    await fixture.adjust(many)
    const accounts = await fixture.db.selectFrom("ledger.accounts").select("address").execute()
    await token.set("setBlocked", accounts[20]?.address, true)
    const proxy = await startRpcFaultProxy(fixture.anvil.rpcUrl)
    proxy.set("eth_estimateGas", { fault: "delay", ms: 200 })
    fixture.run({ rpcUrls: [proxy.url] })
    await fixture.flush()
    await waitUntil(async () => (proxy.seen.get("eth_estimateGas") ?? 0) >= 3, {
      what: "they are looked for",
    })
    await token.set("setFee", 100n)
    await fixture.untilPaused()
    expect(await letters()).toEqual([])
    await proxy.close()
  })

  it.each(sampled(stepsOfEveryCall, 3))("pays once where the batcher is killed at %s", async (step) => {
    await fixture.adjust(three)
    await fixture.flush()
    const first = fixture.spawn({ dieAt: step })
    expect(await first.ended, first.log()).toBe("SIGKILL")
    const second = fixture.spawn()
    await fixture.batchesIn("mined", 1).catch((error: unknown) => {
      throw new Error(second.log(), { cause: error })
    })
    await expectSettled()
    expect([...(await fixture.settledCounts()).values()]).toEqual([1])
    expect((await fixture.transactions()).map(({ nonce }) => nonce)).toEqual([0n])
  })
})
