import { type Address, encodeFunctionData, type Hex, keccak256, toHex } from "viem"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { cpopTokenAbi } from "../../../abis/cpop-token.ts"
import { accountSavings } from "../../../batcher/accounting/account-savings.ts"
import { createSettlementFixture, type SettlementFixture } from "../../support/settlement-fixture.ts"
import { waitUntil } from "../../support/wait-until.ts"

const one = 10n ** 18n

describe("what a batch saved", () => {
  let fixture: SettlementFixture
  beforeEach(async () => {
    fixture = await createSettlementFixture()
  })
  afterEach(() => fixture.close())

  const calibration = () =>
    waitUntil(
      async () =>
        (await fixture.db.selectFrom("settlement.gas_calibrations").selectAll().executeTakeFirst()) ?? false,
      { what: "single calls are measured" },
    )
  /** Waits until the newest batch is accounted for the confirmation that stands. */
  const accounted = (sequence: bigint) =>
    waitUntil(
      async () => {
        const batch = (await fixture.batches()).find((row) => row.batch_sequence === sequence)
        const isDone =
          batch !== undefined &&
          batch.confirmed_position !== null &&
          batch.accounted_position === batch.confirmed_position
        return isDone && batch
      },
      { what: `batch ${sequence} is accounted`, describe: () => fixture.batches() },
    )
  async function settle(changes: readonly (readonly [string, bigint])[]) {
    const before = (await fixture.batches()).length
    await fixture.adjust(changes)
    await fixture.flush()
    await waitUntil(
      async () => {
        const batches = await fixture.batches()
        return batches.length === before + 1 && batches.at(-1)?.state === "mined"
      },
      { what: "the batch is mined", describe: () => fixture.batches() },
    )
    await fixture.confirm()
    return accounted(BigInt(before + 1))
  }

  it("is what the same changes take one by one on the chain, for holders of both kinds, with netting and without", async () => {
    fixture.run()
    await calibration()
    const first = await settle([
      ["ann", 5n * one],
      ["bob", one],
      ["bob", one],
    ])
    expect(first).toMatchObject({ new_holders: 2, credited_recipients: 2, settled_changes: 3 })
    const second = await settle([
      ["ann", one],
      ["bob", -one],
      ["bob", -one],
      ["cleo", one],
      ["ann", one],
      ["ann", -one],
    ])
    expect(second).toMatchObject({
      new_holders: 1,
      credited_recipients: 2,
      settled_recipients: 3,
      settled_changes: 6,
    })

    // The same one by one, in real transactions of a chain that is like it was before: to stand-ins, whose addresses have no zero byte either.
    const stand = { ann: "11", bob: "12", cleo: "13" } as const
    const spend = await asIssuer(fixture)
    const single = async (changes: readonly (readonly [keyof typeof stand, bigint])[]) => {
      let gas = 0n
      for (const [user, amount] of changes) gas += await spend(`0x${stand[user].repeat(20)}`, amount)
      return gas
    }
    expect(first.single_gas_changes).toBe(
      await single([
        ["ann", one],
        ["bob", one],
        ["bob", one],
      ]),
    )
    expect(second.single_gas_changes).toBe(
      await single([
        ["ann", one],
        ["bob", -one],
        ["bob", -one],
        ["cleo", one],
        ["ann", one],
        ["ann", -one],
      ]),
    )
    const { mint_new, mint_existing, burn_all } = await calibration()
    expect(first.single_gas_recipients).toBe(2n * (mint_new ?? 0n))
    expect(second.single_gas_recipients).toBe((mint_existing ?? 0n) + (burn_all ?? 0n) + (mint_new ?? 0n))
  })

  it("stays what it was when calls cost something else later, and is nothing for a batch that was sealed when there was none", async () => {
    const batcher = fixture.run()
    const { calibration_id: before } = await calibration()
    const batch = await settle([["ann", one]])
    expect(batch.calibration_id).toBe(before)
    const now = {
      measured_at: new Date(),
      block_number: 1n,
      block_hash: `0x${"00".repeat(32)}`,
      code_hash: `0x${"00".repeat(32)}`,
    }
    const dear = {
      method: "eth_simulateV1",
      roles: "held",
      mint_new: 9_999_999n,
      mint_existing: 9_999_999n,
      burn_part: 9_999_999n,
      burn_all: 9_999_999n,
    } as const
    await fixture.stop(batcher)
    await fixture.db
      .insertInto("settlement.gas_calibrations")
      .values({ token_id: fixture.tokenId, ...now, ...dear })
      .execute()
    await accountSavings(fixture.db)
    expect(await accounted(1n)).toEqual(batch)
    const again = async (sealedAt: Date) => {
      await fixture.db
        .updateTable("settlement.batches")
        .set({ sealed_at: sealedAt, accounted_position: null })
        .execute()
      await accountSavings(fixture.db)
      return accounted(1n)
    }
    const unknown = {
      calibration_id: null,
      single_gas_recipients: null,
      single_gas_changes: null,
      settled_recipients: 1,
      new_holders: 1,
    }
    // Computed once more it is the same; and unknown for a batch that had been sealed before the first measurement, or after the newest one has failed.
    expect(await again(batch.sealed_at)).toEqual(batch)
    expect(await again(new Date(0))).toMatchObject(unknown)
    await fixture.db
      .insertInto("settlement.gas_calibrations")
      .values({ token_id: fixture.tokenId, ...now, measured_at: new Date(), problem: "another code" })
      .execute()
    expect(await again(new Date(Date.now() + 1_000))).toMatchObject(unknown)
  })

  it("is computed anew for the confirmation after a reorganisation", async () => {
    fixture.run()
    await calibration()
    const batch = await settle([["ann", one]])
    await fixture.rpc("evm_setAutomine", false)
    await fixture.rpc("anvil_rollback", 1)
    await fixture.revoke()
    expect((await fixture.batches())[0]).toMatchObject({ confirmed_position: null, gas_used: null })
    await waitUntil(
      async () => ((await fixture.rpc("txpool_status")) as { pending: string }).pending === "0x1",
      {
        what: "the transaction is back in the pool",
      },
    )
    await fixture.rpc("evm_mine")
    await fixture.batchesIn("mined", 1)
    await fixture.confirm()
    const again = await accounted(1n)
    expect(again.accounted_position).not.toBe(batch.accounted_position)
    expect(again).toMatchObject({ new_holders: 1, single_gas_changes: batch.single_gas_changes })
  })

  it("counts changes that cancel out by what each would have cost", async () => {
    fixture.run()
    const { mint_new, burn_all, mint_existing, burn_part } = await calibration()
    await settle([["bob", 5n * one]])
    await fixture.adjust([
      ["ann", one],
      ["ann", -one],
      ["bob", one],
      ["bob", -one],
    ])
    await fixture.flush()
    const netting = await waitUntil(
      async () => {
        const row = await fixture.db.selectFrom("settlement.nettings").selectAll().executeTakeFirst()
        return row?.is_accounted === true && row
      },
      { what: "the netting is accounted" },
    )
    expect(netting).toMatchObject({
      changes: 4,
      token_id: fixture.tokenId,
      single_gas_changes: (mint_new ?? 0n) + (burn_all ?? 0n) + (mint_existing ?? 0n) + (burn_part ?? 0n),
    })
  })
})

/** Mints and burns as the token's admin, whom it gives both roles: each call a real transaction. */
async function asIssuer(
  fixture: SettlementFixture,
): Promise<(account: Address, amount: bigint) => Promise<bigint>> {
  const { token, rpc, chain } = fixture
  for (const role of ["MINTER_ROLE", "BURNER_ROLE"])
    await token.sendAsAdmin(
      encodeFunctionData({
        abi: cpopTokenAbi,
        functionName: "grantRole",
        args: [keccak256(toHex(role)), token.admin],
      }),
    )
  await rpc("anvil_impersonateAccount", token.admin)
  return async (account, amount) => {
    const functionName = amount > 0n ? "mint" : "burn"
    const args = [account, amount > 0n ? amount : -amount] as const
    const data = encodeFunctionData({ abi: cpopTokenAbi, functionName, args })
    // The calibration's amount is one token; five of them have the same number of bytes that are not zero.
    const hash = (await rpc("eth_sendTransaction", { from: token.admin, to: token.address, data })) as Hex
    const receipt = await chain.waitForTransactionReceipt({ hash, pollingInterval: 20 })
    expect(receipt.status).toBe("success")
    return receipt.gasUsed
  }
}
