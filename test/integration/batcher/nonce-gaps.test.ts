import { encodeFunctionData, type Hex, parseTransaction } from "viem"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { cpopTokenAbi } from "../../../abis/cpop-token.ts"
import { clearSettledAlarms } from "../../../batcher/store/clear-settled-alarms.ts"
import { createSettlementFixture, type SettlementFixture } from "../../support/settlement-fixture.ts"
import { replaceSoon } from "../../support/stuck-batch.ts"
import { waitUntil } from "../../support/wait-until.ts"

let fixture: SettlementFixture
beforeEach(async () => {
  fixture = await createSettlementFixture()
})
afterEach(() => fixture.close())

/** Has somebody else with the operator's role settle the only batch there is. @returns takes that off the chain again */
async function settleElsewhere(): Promise<() => Promise<void>> {
  const snapshot = await fixture.rpc("evm_snapshot")
  const [batch] = await fixture.batches()
  const deltas: Hex = `0x${batch?.deltas.toString("hex")}`
  await fixture.token.sendAsAdmin(
    encodeFunctionData({
      abi: cpopTokenAbi,
      functionName: "settle",
      args: [BigInt(batch?.batch_id ?? 0), deltas],
    }),
  )
  await fixture.confirm()
  return async () => {
    await fixture.rpc("evm_revert", snapshot)
    await fixture.revoke()
  }
}

async function adjustAndFlush(user: string, amount: bigint): Promise<void> {
  await fixture.adjust([[user, amount]])
  await fixture.flush()
}

async function expectEqual(...amounts: bigint[]): Promise<void> {
  expect(await fixture.compare()).toMatchObject(amounts.map((amount) => ({ ledger: amount, chain: amount })))
  expect([...(await fixture.settledCounts()).values()].filter((count) => count !== 1)).toEqual([])
}

const mineUntilAllAreMined = (count: number) =>
  waitUntil(
    async () => {
      await fixture.rpc("evm_mine")
      const batches = await fixture.batches()
      return batches.length === count && batches.every(({ state }) => state === "mined")
    },
    { what: `${count} batches are mined`, describe: () => fixture.batches(), timeoutMs: 30_000 },
  )

describe("a batch that another transaction settled", () => {
  it("is settled with a nonce of its own when a reorganisation takes that transaction", async () => {
    await adjustAndFlush("ann", 7n)
    await fixture.spawn({ dieAt: "simulated" }).ended
    const takeBack = await settleElsewhere()
    await takeBack()
    expect(await fixture.batches()).toMatchObject([{ state: "sealed" }])
    fixture.run()
    await fixture.batchesIn("mined", 1)
    await expectEqual(7n)
  })

  it("uses the nonce it had reserved, if nobody else has by then", async () => {
    await adjustAndFlush("ann", 7n)
    await fixture.spawn({ dieAt: "reserved" }).ended
    const takeBack = await settleElsewhere()
    await takeBack()
    expect(await fixture.batches()).toMatchObject([{ state: "simulated" }])
    fixture.run()
    await fixture.batchesIn("mined", 1)
    expect(await fixture.transactions()).toMatchObject([{ nonce: 0n }])
    await expectEqual(7n)
  })
})

describe("a nonce that no batch needs any more", () => {
  it("takes a transaction that does nothing, when its batch was settled before anything was signed", async () => {
    await adjustAndFlush("ann", 7n)
    await fixture.spawn({ dieAt: "reserved" }).ended
    await settleElsewhere()
    fixture.run()
    await adjustAndFlush("bob", 3n)
    await waitUntil(async () => (await fixture.batches())[1]?.state === "mined", {
      what: "the second batch is mined",
      describe: () => fixture.batches(),
    })
    const [filler, second] = await fixture.transactions()
    expect([filler?.nonce, second?.nonce]).toEqual([0n, 1n])
    const { to, value, data } = parseTransaction(filler?.raw as Hex)
    expect([to?.toLowerCase(), value ?? 0n, data ?? "0x"]).toEqual([filler?.signer, 0n, "0x"])
    await expectEqual(7n, 3n)
  })

  it("takes the transaction that was signed for it, when its batch was settled before it was sent", async () => {
    await adjustAndFlush("ann", 7n)
    await fixture.spawn({ dieAt: "saved" }).ended
    await settleElsewhere()
    fixture.run()
    await adjustAndFlush("bob", 3n)
    await waitUntil(async () => (await fixture.batches())[1]?.state === "mined", {
      what: "the second batch is mined",
      describe: () => fixture.batches(),
    })
    expect(await fixture.transactions()).toHaveLength(2)
    await expectEqual(7n, 3n)
  })

  it("is alarmed about while no block takes it for max_fee, and not any more when one has", async () => {
    await adjustAndFlush("ann", 7n)
    await fixture.spawn({ dieAt: "saved" }).ended
    await settleElsewhere()
    const [stray] = await fixture.transactions()
    await fixture.configure({ ...replaceSoon, max_fee_per_gas: stray?.max_fee_per_gas ?? 0n })
    await fixture.rpc("evm_setAutomine", false)
    fixture.run()
    const kinds = async () => (await fixture.alarms()).map(({ kind }) => kind)
    await waitUntil(async () => (await kinds()).includes("nonce_at_fee_cap"), { what: "there is an alarm" })
    // That its batch is confirmed, by another transaction, does not free the nonce.
    await clearSettledAlarms(fixture.db)
    expect(await kinds()).toContain("nonce_at_fee_cap")
    await fixture.rpc("anvil_mine", "0x4")
    await waitUntil(async () => !(await kinds()).includes("nonce_at_fee_cap"), {
      what: "the alarm is cleared",
      describe: kinds,
    })
  })

  it("is not asked for twice, and its batch goes on with another one when its confirmation is taken back", async () => {
    await adjustAndFlush("ann", 7n)
    await fixture.spawn({ dieAt: "reserved" }).ended
    const takeBack = await settleElsewhere()
    const batcher = fixture.run()
    await waitUntil(async () => (await fixture.transactions()).length === 1, { what: "it is filled" })
    await fixture.stop(batcher)
    await takeBack()
    expect(await fixture.batches()).toMatchObject([{ state: "sealed" }])
    fixture.run()
    await fixture.batchesIn("mined", 1)
    expect((await fixture.transactions()).map(({ nonce }) => nonce)).toEqual([0n, 1n])
    await expectEqual(7n)
  })

  it("takes its reverted transaction again, when a reorganisation drops it below the ones that came after", async () => {
    const snapshot = await fixture.rpc("evm_snapshot")
    await fixture.rpc("evm_setAutomine", false)
    fixture.run()
    await adjustAndFlush("ann", 7n)
    await fixture.batchesIn("broadcast", 1)
    await fixture.token.callAsAdmin("pause")
    // Before the revert is final: no retry is to find the token paused.
    await fixture.token.callAsAdmin("unpause")
    await fixture.rpc("anvil_mine", "0x3")
    await mineUntilAllAreMined(1)
    await adjustAndFlush("bob", 3n)
    await mineUntilAllAreMined(2)
    expect((await fixture.transactions()).map(({ nonce }) => nonce)).toEqual([0n, 1n, 2n])

    await fixture.rpc("evm_revert", snapshot)
    await fixture.rpc("anvil_dropAllTransactions")
    await waitUntil(
      async () => {
        await fixture.rpc("evm_mine")
        return (await fixture.settledCounts()).size === 2
      },
      { what: "both are on the chain again", describe: () => fixture.batches(), timeoutMs: 30_000 },
    )
    await expectEqual(7n, 3n)
  })
})
