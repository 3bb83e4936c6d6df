import { encodeFunctionData, type Hex } from "viem"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { cpopTokenAbi } from "../../../abis/cpop-token.ts"
import { verifyLedger } from "../../../ledger/audit/verify-ledger.ts"
import { deployBlockingToken, feeCall } from "../../support/deploy-blocking-token.ts"
import { type RpcFaultProxy, startRpcFaultProxy } from "../../support/rpc-fault-proxy.ts"
import { createSettlementFixture, type SettlementFixture } from "../../support/settlement-fixture.ts"
import { callIn } from "../../support/stuck-batch.ts"
import { waitUntil } from "../../support/wait-until.ts"

/** Past eight confirmation depths, and what the chain calls final, which is 64 blocks deep. */
const untilFinal = "0x46"

let fixture: SettlementFixture
let proxy: RpcFaultProxy
beforeEach(async () => {
  fixture = await createSettlementFixture({ mode: "batch-mint-burn", deploy: deployBlockingToken })
  proxy = await startRpcFaultProxy(fixture.anvil.rpcUrl)
})
afterEach(async () => {
  await fixture.close()
  await proxy.close()
})

const expectState = (state: string) =>
  waitUntil(async () => (await fixture.batches())[0]?.state === state, {
    what: `the batch is ${state}`,
    describe: () => fixture.batches(),
    timeoutMs: 30_000,
  })
const lastErrorLike = (pattern: RegExp) =>
  waitUntil(async () => pattern.test((await fixture.batches())[0]?.last_error ?? ""), {
    what: `the batch says ${pattern}`,
    describe: () => fixture.batches(),
    timeoutMs: 30_000,
  })
const turns = () => new Promise((resolve) => setTimeout(resolve, 3_000))
const nonces = () => fixture.db.selectFrom("settlement.nonces").selectAll().orderBy("nonce").execute()

/** A batch whose first transaction reverts, in a block that is past the confirmation depth. */
async function revertFirst(): Promise<void> {
  await fixture.rpc("evm_setAutomine", false)
  await fixture.adjust([["ann", 7n]])
  await fixture.flush()
  await fixture.batchesIn("broadcast", 1)
  await fixture.token.callAsAdmin("pause")
  await fixture.rpc("anvil_mine", "0x4")
  await fixture.token.callAsAdmin("unpause")
}

async function expectPaidOnce(amount = 7n): Promise<void> {
  expect(await fixture.compare()).toMatchObject([{ ledger: amount, chain: amount }])
}

describe("a batch of a token without a guard", () => {
  it("gets another nonce when the block that shows the first one used up is final, and not when it is past the confirmation depth", async () => {
    fixture.run()
    await revertFirst()
    await lastErrorLike(/not shown to be used up .* is not final/)
    await turns()
    expect(await nonces()).toHaveLength(1)
    await fixture.rpc("anvil_mine", untilFinal)
    await waitUntil(async () => (await fixture.transactions()).length === 2, {
      what: "there is a second transaction",
      describe: () => fixture.batches(),
      timeoutMs: 30_000,
    })
    const [first] = await fixture.transactions()
    expect(await nonces()).toMatchObject([
      { nonce: 0n, spent_by_hash: first?.hash, spent_in_vain_at: expect.any(Date) },
      { nonce: 1n, spent_by_hash: null, spent_in_vain_at: null },
    ])
    await fixture.rpc("evm_setAutomine", true)
    await fixture.rpc("evm_mine")
    await expectState("mined")
    await expectPaidOnce()
  })

  it("keeps its nonce, whatever a node says about the count and the receipts", async () => {
    fixture.run({ rpcUrls: [proxy.url] })
    await fixture.rpc("evm_setAutomine", false)
    await fixture.adjust([["ann", 7n]])
    await fixture.flush()
    await fixture.batchesIn("broadcast", 1)
    proxy.set("eth_getTransactionReceipt", { fault: "result", result: null })
    await fixture.rpc("anvil_mine", untilFinal)
    proxy.set("eth_getTransactionCount", { fault: "result", result: "0x9" })
    await lastErrorLike(/not shown to be used up/)
    await turns()
    expect(await nonces()).toMatchObject([{ nonce: 0n, spent_in_vain_at: null }])
    // A nonce that was passed over on that word would keep all later ones waiting.
    const { next_nonce } = await fixture.db
      .selectFrom("settlement.signers")
      .select("next_nonce")
      .executeTakeFirstOrThrow()
    expect(next_nonce).toBe(1n)
    proxy.clear()
    await expectState("mined")
    await expectPaidOnce()
  })

  it("keeps its nonce when only one of two endpoints says that its transaction reverted", async () => {
    const [first] = await signedAndMined()
    proxy.set("eth_getTransactionReceipt", { fault: "result", result: await revertedReceipt(first) })
    fixture.run({ rpcUrls: [proxy.url, fixture.anvil.rpcUrl] })
    await lastErrorLike(/do not agree/)
    await turns()
    expect(await nonces()).toHaveLength(1)
    proxy.clear()
    await expectState("mined")
    await expectPaidOnce()
  })

  it("never makes its call by a nonce that it has given up, though a reorganisation frees it: that nonce does nothing, and the batch waits for it", async () => {
    const snapshot = await fixture.rpc("evm_snapshot")
    const batcher = fixture.run()
    await revertFirst()
    await fixture.rpc("anvil_mine", untilFinal)
    await waitUntil(async () => (await fixture.transactions()).length === 2, {
      what: "there is a second transaction",
      timeoutMs: 30_000,
    })
    await waitUntil(
      async () => {
        await fixture.rpc("evm_mine")
        return (await fixture.batches())[0]?.state === "mined"
      },
      { what: "it is mined", timeoutMs: 30_000 },
    )
    await fixture.stop(batcher)
    await fixture.rpc("evm_revert", snapshot)
    await fixture.rpc("anvil_dropAllTransactions")
    fixture.run({ rpcUrls: [proxy.url] })
    await lastErrorLike(/waits: it was signed with nonce 0 before/)
    await waitUntil(async () => (await fixture.transactions()).length === 3, { what: "nonce 0 is taken" })
    const [call, noOp, second] = (await fixture.transactions()).map(({ raw }) => callIn(raw))
    expect([call?.nonce, noOp?.nonce, second?.nonce]).toEqual([0, 0, 1])
    expect(noOp).toMatchObject({ to: fixture.token.operator, value: 0n })
    expect((await fixture.alarms()).map(({ kind }) => kind)).toContain("finality_broken")
    await fixture.rpc("anvil_mine", "0x4")
    await turns()
    expect(await fixture.balanceOf(await addressOf("ann"))).toBe(0n)
    await fixture.rpc("anvil_mine", untilFinal)
    await waitUntil(
      async () => {
        await fixture.rpc("evm_mine")
        return (await fixture.batches())[0]?.state === "mined"
      },
      { what: "it is mined again", describe: () => fixture.batches(), timeoutMs: 30_000 },
    )
    await expectPaidOnce()
  })

  it("is taken apart when it reverted and nothing of it can be mined: one who took his tokens away keeps nobody else", async () => {
    fixture.run()
    await fixture.adjust([
      ["ann", 100n],
      ["bob", 50n],
    ])
    await fixture.flush()
    await fixture.batchesIn("mined", 1)
    await fixture.confirm()
    await fixture.rpc("evm_setAutomine", false)
    await fixture.adjust([
      ["ann", -10n],
      ["bob", -20n],
    ])
    await fixture.flush()
    await waitUntil(async () => (await fixture.batches())[1]?.state === "broadcast", { what: "it is sent" })
    const bob = await addressOf("bob")
    await fixture.rpc("anvil_impersonateAccount", bob)
    await fixture.rpc("anvil_setBalance", bob, "0xde0b6b3a7640000")
    const args = [fixture.token.admin, 50n] as const
    const data = encodeFunctionData({ abi: cpopTokenAbi, functionName: "transfer", args })
    const fees = { maxFeePerGas: "0x746a528800", maxPriorityFeePerGas: "0x174876e800" }
    await fixture.rpc("eth_sendTransaction", { from: bob, to: fixture.token.address, data, ...fees })
    await fixture.rpc("evm_mine")
    await fixture.rpc("anvil_mine", untilFinal)
    await fixture.rpc("evm_setAutomine", true)
    await waitUntil(async () => (await fixture.balanceOf(await addressOf("ann"))) === 90n, {
      what: "ann has paid",
      describe: () => fixture.batches(),
      timeoutMs: 40_000,
    })
    expect((await fixture.batches()).slice(0, 2)).toMatchObject([
      { state: "confirmed" },
      { state: "dead_letter" },
    ])
    expect(await verifyLedger(fixture.db, fixture.ledgerId)).toMatchObject({ ok: true })
  })

  it("is credited to nobody where the token moved something else", async () => {
    fixture.run()
    await fixture.token.sendAsAdmin(feeCall(1n))
    await fixture.adjust([["ann", 7n]])
    await fixture.flush()
    await fixture.batchesIn("mined", 1)
    await fixture.confirm()
    expect(await fixture.batches()).toMatchObject([{ state: "mined" }])
    expect((await fixture.alarms()).map(({ kind }) => kind)).toContain("settlement_differs")
    const lane = await fixture.db.selectFrom("settlement.lanes").selectAll().executeTakeFirstOrThrow()
    expect(lane).toMatchObject({ paused_by: "altered", paused_at: expect.any(Date) })
  })
})

describe("the database", () => {
  const anotherNonce = () =>
    fixture.db
      .insertInto("settlement.nonces")
      .values({
        chain_id: fixture.chainId,
        signer: fixture.token.operator,
        nonce: 77n,
        ledger_id: fixture.ledgerId,
        batch_sequence: 1n,
        tree_size: null,
        reserved_at: new Date(),
        spent_in_vain_at: null,
      })
      .execute()

  it("gives no second nonce, takes no second call and leaves no batch apart while the first one's bytes might be mined", async () => {
    await signedAndMined()
    await fixture.db.updateTable("settlement.nonces").set({ spent_in_vain_at: new Date() }).execute()
    await expect(anotherNonce()).rejects.toThrow("might still be mined")
    await expect(
      fixture.db
        .updateTable("settlement.batches")
        .set({ state: "dead_letter", dissolved_position: 9n })
        .execute(),
    ).rejects.toThrow("cannot be taken apart")
    const [{ hash: _, ...first } = { hash: "" }] = await fixture.transactions()
    const again = { ...first, hash: `0x${"ab".repeat(32)}`, attempt: 2 }
    await expect(
      fixture.db
        .insertInto("settlement.transactions")
        .values(again as never)
        .execute(),
    ).rejects.toThrow("must not be made by it any more")
  })

  it("has no batch make another call than its token's, or hold what its call does not do", async () => {
    await signedAndMined()
    await expect(
      fixture.db.updateTable("settlement.batches").set({ batch_call: "batch_burn" }).execute(),
    ).rejects.toThrow("cannot be changed")
    const [row] = await fixture.batches()
    const other = { ...row, batch_sequence: 2n, batch_id: `0x${"cd".repeat(32)}`, state: "sealed" }
    await expect(
      fixture.db
        .insertInto("settlement.batches")
        .values({ ...other, batch_call: "settle" } as never)
        .execute(),
    ).rejects.toThrow("not settled by")
    await fixture.db
      .insertInto("settlement.batches")
      .values({ ...other, batch_call: "batch_burn" } as never)
      .execute()
    await expect(
      fixture.db
        .insertInto("settlement.batch_accounts")
        .values({
          ledger_id: fixture.ledgerId,
          batch_sequence: 2n,
          account_id: 1n,
          delta: 1n,
          state: "settled",
        })
        .execute(),
    ).rejects.toThrow("of the other kind")
  })
})

/** A batch that was signed and sent by a process that was then killed, and is mined and final. */
async function signedAndMined() {
  await fixture.adjust([["ann", 7n]])
  await fixture.flush()
  await fixture.spawn({ dieAt: "broadcast" }).ended
  await fixture.rpc("anvil_mine", untilFinal)
  return fixture.transactions()
}

async function revertedReceipt(transaction: { hash: string } | undefined) {
  const receipt = (await fixture.rpc("eth_getTransactionReceipt", transaction?.hash)) as object
  return { ...receipt, status: "0x0", logs: [] }
}

async function addressOf(user: string): Promise<Hex> {
  const { address } = await fixture.db
    .selectFrom("ledger.accounts")
    .select("address")
    .where("user_id", "=", user)
    .executeTakeFirstOrThrow()
  return address as Hex
}
