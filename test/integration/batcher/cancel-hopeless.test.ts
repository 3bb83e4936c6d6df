import { type Address, encodeFunctionData } from "viem"
import { afterEach, describe, expect, test } from "vitest"
import { cpopTokenAbi } from "../../../abis/cpop-token.ts"
import { deferralDepthFactor } from "../../../batcher/store/held-back.ts"
import { requestCancellation } from "../../../ledger/store/request-cancellation.ts"
import { blockCall, deployBlockingToken } from "../../support/deploy-blocking-token.ts"
import { leaveRoom } from "../../support/leave-room.ts"
import { createLoopFixture } from "../../support/loop-fixture.ts"
import { startRpcFaultProxy } from "../../support/rpc-fault-proxy.ts"
import { createSettlementFixture, type SettlementFixture } from "../../support/settlement-fixture.ts"
import { waitUntil } from "../../support/wait-until.ts"

let fixture: SettlementFixture
afterEach(() => fixture?.close())

const room = 2n ** 90n

/** From then on the token refuses this user, in whatever batch, or takes him again. */
async function block(user: string, isBlocked = true): Promise<void> {
  const { address } = await fixture.db
    .selectFrom("ledger.accounts")
    .select("address")
    .where("user_id", "=", user)
    .executeTakeFirstOrThrow()
  await fixture.token.sendAsAdmin(blockCall(address as Address, isBlocked))
}
/** From then on no account can be paid more than 10,000 units. Goes in front of what waits, and is not simulated behind it. */
async function takeRoom(): Promise<void> {
  const { admin: from, address: to } = fixture.token
  const args = [`0x${"77".repeat(20)}`, room - 10_000n] as const
  const data = encodeFunctionData({ abi: cpopTokenAbi, functionName: "mint", args })
  await fixture.rpc("anvil_impersonateAccount", from)
  const fees = { maxFeePerGas: "0x746a528800", maxPriorityFeePerGas: "0x174876e800" }
  await fixture.rpc("eth_sendTransaction", { from, to, data, gas: "0x30d40", ...fees })
}

const letters = () =>
  fixture.db
    .selectFrom("settlement.dead_letters as d")
    .innerJoin("ledger.accounts as a", (join) =>
      join.onRef("a.ledger_id", "=", "d.ledger_id").onRef("a.account_id", "=", "d.account_id"),
    )
    .select(["a.user_id", "d.reason"])
    .execute()
const lane = () => fixture.db.selectFrom("settlement.lanes").selectAll().executeTakeFirstOrThrow()
const first = async () => {
  const [batch] = await fixture.batches()
  if (batch === undefined) throw new Error("there is no batch")
  return batch
}
const until = (what: string, isSo: () => Promise<boolean>) =>
  waitUntil(isSo, { what, describe: () => fixture.batches(), timeoutMs: 40_000 })
const untilStopped = () => until("the lane is stopped", async () => (await lane()).paused_at !== null)
const cancel = async () => {
  const { batch_id: batchId } = await first()
  return fixture.db.transaction().execute((trx) =>
    requestCancellation(trx, {
      ...{ ledgerId: fixture.ledgerId, batchId, reason: "a test", requestedBy: "operator", at: new Date() },
    }),
  )
}

/** A batch whose transaction reverts, for what happens before it in its block. */
async function reverted(
  changes: readonly (readonly [string, bigint])[],
  hurt: () => Promise<void>,
): Promise<void> {
  await fixture.rpc("evm_setAutomine", false)
  await fixture.adjust(changes)
  await fixture.flush()
  await fixture.batchesIn("broadcast", 1)
  await hurt()
  await fixture.rpc("evm_setAutomine", true)
  await fixture.rpc("anvil_mine", "0x4")
}

describe("a batch that was signed and is refused again and again", () => {
  test("for one account's sake is cancelled after its last retry: he is found then, and everybody else is settled", async () => {
    const loop = await createLoopFixture()
    fixture = loop
    await leaveRoom(loop, room)
    loop.run({ limits: { rebroadcastMs: 300 } })
    const changes = [
      ["ann", 7n],
      ["bob", 20_000n],
    ] as const
    await reverted(changes, takeRoom)
    await until("it is being cancelled", async () => (await first()).cancel_requested_at !== null)
    expect(await first()).toMatchObject({
      cancel_requested_by: "batcher",
      cancel_reason: "refused after 3 attempts: SupplyOverflow()",
    })
    await until("the cancellation is mined", async () => (await first()).state === "mined")
    expect((await loop.transactions()).map((row) => [row.nonce, row.is_cancellation])).toEqual([
      [0n, false],
      [1n, true],
    ])
    expect((await lane()).paused_at).toBeNull()
    await loop.indexed()
    await loop.confirmAll()
    expect((await first()).state).toBe("cancelled")
    expect(await letters()).toEqual([])
    await loop.flush()
    await loop.mine(deferralDepthFactor * loop.followed.confirmationBlocks + 1)
    await loop.follow()
    const over = async () => (await loop.batches()).map(({ state }) => state)
    await until("the others are settled", async () => (await over())[2] === "mined")
    await loop.indexed()
    await loop.confirmAll()
    expect(await over()).toEqual(["cancelled", "dead_letter", "confirmed"])
    expect(await letters()).toEqual([{ user_id: "bob", reason: "SupplyOverflow()" }])
    expect(await loop.compare()).toEqual([
      { user: "ann", ledger: 7n, chain: 7n },
      { user: "bob", ledger: 20_000n, chain: 0n },
    ])
    expect(await loop.verify()).toMatchObject({ ok: true })
  })

  test("by a token that would not take the id out of use either is not, and can be settled later", async () => {
    fixture = await createSettlementFixture({ deploy: deployBlockingToken })
    fixture.run()
    await reverted(
      [
        ["ann", 7n],
        ["bob", 9n],
      ],
      () => block("bob"),
    )
    await untilStopped()
    expect((await first()).cancel_requested_at).toBeNull()
    await block("bob", false)
    await fixture.resume()
    await fixture.batchesIn("mined", 1)
    expect((await fixture.compare()).map(({ chain }) => chain)).toEqual([7n, 9n])
  })

  test("for everybody's sake is not, however often somebody has it tried again", async () => {
    fixture = await createSettlementFixture()
    fixture.run()
    await reverted([["ann", 7n]], () => fixture.token.callAsAdmin("pause"))
    await untilStopped()
    const { failures } = await first()
    await fixture.resume()
    await until("it is tried again", async () => (await first()).failures > failures)
    await untilStopped()
    expect((await first()).cancel_requested_at).toBeNull()
    await fixture.token.callAsAdmin("unpause")
    await fixture.resume()
    await fixture.batchesIn("mined", 1)
    expect(await fixture.compare()).toEqual([{ user: "ann", ledger: 7n, chain: 7n }])
  })
})

test("a batch that was never signed is not cancelled, though only its accounts together are refused", async () => {
  fixture = await createSettlementFixture()
  await leaveRoom(fixture, 10_000n)
  fixture.run()
  await fixture.adjust([
    ["ann", 6_000n],
    ["bob", 6_000n],
  ])
  await fixture.flush()
  await untilStopped()
  expect(await first()).toMatchObject({ state: "sealed", failures: 3, cancel_requested_at: null })
  expect(await letters()).toEqual([])
})

test("a batch whose token does not let its id be taken out of use keeps its own changes, and nobody else's", async () => {
  fixture = await createSettlementFixture({ deploy: deployBlockingToken })
  await fixture.adjust([["ann", 7n]])
  await fixture.flush()
  await fixture.spawn({ dieAt: "sealed" }).ended
  expect(await cancel()).toMatchObject({ isNew: true })
  fixture.run()
  const isAlarmed = async () => (await fixture.alarms()).some(({ kind }) => kind === "batch_failing")
  await until("it has failed too often", async () => (await first()).failures >= 3 && (await isAlarmed()))
  expect((await lane()).paused_at).toBeNull()
  await fixture.adjust([["bob", 9n]])
  await fixture.flush()
  await until("bob is paid", async () => (await fixture.batches())[1]?.state === "mined")
  expect((await fixture.compare()).map(({ chain }) => chain)).toEqual([0n, 9n])
})

test("a batch of a token without a guard is never cancelled: its changes wait until its nonce is shown to be used up, and are settled once", async () => {
  fixture = await createSettlementFixture({
    ...{ mode: "batch-mint-burn", deploy: deployBlockingToken, strategy: { max_retries: 1 } },
  })
  fixture.run()
  const changes = [
    ["ann", 7n],
    ["bob", 9n],
  ] as const
  await reverted(changes, () => block("bob"))
  await until("the nonce is not shown to be used up", async () =>
    /not shown to be used up/.test((await first()).last_error ?? ""),
  )
  expect(await cancel()).toEqual({ refused: "CANCELLATION_UNSUPPORTED", settlementMode: "batch-mint-burn" })
  await fixture.rpc("anvil_mine", "0x46")
  await until("its last retry is over", async () => (await lane()).paused_at !== null)
  expect(await first()).toMatchObject({ cancel_requested_at: null })
  await fixture.resume()
  await until("ann is paid", async () => (await fixture.batches())[1]?.state === "mined")
  expect((await first()).state).toBe("dead_letter")
  expect((await letters()).map(({ user_id: user }) => user)).toEqual(["bob"])
  expect(await fixture.compare()).toEqual([
    { user: "ann", ledger: 7n, chain: 7n },
    { user: "bob", ledger: 9n, chain: 0n },
  ])
  expect((await fixture.transactions()).filter((row) => row.is_cancellation)).toEqual([])
})

test("a batch that somebody has cancelled while its accounts are looked for is not taken apart", async () => {
  fixture = await createSettlementFixture()
  await leaveRoom(fixture, 10_000n)
  const proxy = await startRpcFaultProxy(fixture.anvil.rpcUrl)
  proxy.set("eth_estimateGas", { fault: "delay", ms: 150 })
  fixture.run({ rpcUrls: [proxy.url] })
  const many = Array.from({ length: 19 }, (_, index) => [`good${index}`, 1n] as const)
  await fixture.adjust([...many, ["bob", 20_000n]])
  await fixture.flush()
  await until("accounts are looked for", async () => (proxy.seen.get("eth_estimateGas") ?? 0) >= 3)
  expect(await cancel()).toMatchObject({ isNew: true })
  proxy.clear()
  await fixture.batchesIn("mined", 1)
  expect(await letters()).toEqual([])
  expect((await fixture.transactions()).map((row) => row.is_cancellation)).toEqual([true])
  await proxy.close()
})
