import { type Address, encodeFunctionData, type Hex, keccak256, toHex } from "viem"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { cpopTokenAbi } from "../../../abis/cpop-token.ts"
import { type RpcFaultProxy, startRpcFaultProxy } from "../../support/rpc-fault-proxy.ts"
import { createSettlementFixture, type SettlementFixture } from "../../support/settlement-fixture.ts"
import { waitUntil } from "../../support/wait-until.ts"

const one = 10n ** 18n
const refund = 4_800n

describe("what single calls cost", () => {
  let fixture: SettlementFixture
  let proxy: RpcFaultProxy
  beforeEach(async () => {
    fixture = await createSettlementFixture()
    proxy = await startRpcFaultProxy(fixture.anvil.rpcUrl)
  })
  afterEach(async () => {
    await fixture.close()
    await proxy.close()
  })

  const calibrations = () =>
    fixture.db.selectFrom("settlement.gas_calibrations").selectAll().orderBy("calibration_id").execute()
  const calibrated = (count: number) =>
    waitUntil(
      async () => {
        const rows = await calibrations()
        return rows.length >= count && rows
      },
      { what: `there are ${count} calibrations`, describe: calibrations },
    )

  async function grant(role: string, account: Address): Promise<void> {
    const args = [keccak256(toHex(role)), account] as const
    await fixture.token.sendAsAdmin(
      encodeFunctionData({ abi: cpopTokenAbi, functionName: "grantRole", args }),
    )
  }

  /** A real transaction of its own. */
  async function spend(functionName: "mint" | "burn", account: Address, amount: bigint): Promise<bigint> {
    const data = encodeFunctionData({ abi: cpopTokenAbi, functionName, args: [account, amount] })
    const call = { from: fixture.token.admin, to: fixture.token.address, data }
    await fixture.rpc("anvil_impersonateAccount", fixture.token.admin)
    const hash = (await fixture.rpc("eth_sendTransaction", call)) as Hex
    const receipt = await fixture.chain.waitForTransactionReceipt({ hash, pollingInterval: 20 })
    expect(receipt.status).toBe("success")
    return receipt.gasUsed
  }

  async function real() {
    for (const role of ["MINTER_ROLE", "BURNER_ROLE"]) await grant(role, fixture.token.admin)
    const account: Address = `0x${"1f".repeat(20)}`
    await spend("mint", `0x${"2f".repeat(20)}`, one)
    return {
      mint_new: await spend("mint", account, one),
      mint_existing: await spend("mint", account, one),
      burn_part: await spend("burn", account, one),
      burn_all: await spend("burn", account, one),
    }
  }

  it("is measured by a signer that may not mint, to the unit what real transactions use, and nothing stays behind", async () => {
    fixture.run()
    const [calibration] = await calibrated(1)
    expect(calibration).toMatchObject({ method: "eth_simulateV1", roles: "assumed", problem: null })
    expect(calibration?.block_hash).toMatch(/^0x[0-9a-f]{64}$/)
    expect(
      await fixture.chain.readContract({
        address: fixture.token.address,
        abi: cpopTokenAbi,
        functionName: "totalSupply",
      }),
    ).toBe(0n)
    expect(calibration).toMatchObject(await real())
  })

  it("is estimated call by call where the node cannot simulate, once an account holds something", async () => {
    proxy.set("eth_simulateV1", {
      fault: "error",
      code: -32_601,
      message: "method not found",
      isForwarded: false,
    })
    fixture.run({ rpcUrls: [proxy.url], limits: { calibrationCheckMs: 0 } })
    const [none] = await calibrated(1)
    expect(none).toMatchObject({
      method: null,
      mint_new: null,
      problem: expect.stringMatching(/no account of a ledger holds/),
    })
    await fixture.adjust([["ann", 5n * one]])
    await fixture.flush()
    await fixture.batchesIn("mined", 1)
    await fixture.confirm()
    const [, estimated] = await calibrated(2)
    const measured = await real()
    expect(estimated).toMatchObject({ method: "eth_estimateGas", roles: "assumed", problem: null })
    for (const kind of ["mint_new", "mint_existing", "burn_part", "burn_all"] as const) {
      const ratio = Number(estimated?.[kind] ?? 0n) / Number(measured[kind])
      expect([kind, ratio]).toEqual([kind, expect.closeTo(1, 2)])
    }
    expect((estimated?.burn_part ?? 0n) - (estimated?.burn_all ?? 0n)).toBeGreaterThan(refund - 200n)
  })

  it("is measured again when the code changes, and not in force any more when it cannot be", async () => {
    fixture.run({ limits: { calibrationCheckMs: 0 } })
    const [first] = await calibrated(1)
    await new Promise((resolve) => setTimeout(resolve, 1_200))
    expect(await calibrations()).toHaveLength(1)
    const code = (await fixture.chain.getCode({ address: fixture.token.address })) ?? "0x"
    await fixture.rpc("anvil_setCode", fixture.token.address, `${code}00`)
    const [, second] = await calibrated(2)
    expect(second?.code_hash).not.toBe(first?.code_hash)
    expect(second?.mint_new).toBe(first?.mint_new)
    await fixture.rpc("anvil_setCode", fixture.token.address, "0xfe")
    const [, , third] = await calibrated(3)
    expect(third).toMatchObject({ mint_new: null, problem: expect.any(String) })
  })

  it("is measured again when it is old; while the token is paused the last figures stay", async () => {
    fixture.run({ limits: { calibrationCheckMs: 0, calibrationIntervalMs: 300 } })
    await calibrated(2)
    await fixture.token.callAsAdmin("pause")
    const pausedBy = await fixture.chain.getBlockNumber()
    await new Promise((resolve) => setTimeout(resolve, 2_000))
    const after = await calibrations()
    // One of a block before may have been under way.
    expect(after.every(({ block_number }) => block_number < pausedBy)).toBe(true)
    expect(after.every(({ problem }) => problem === null)).toBe(true)
    await fixture.token.callAsAdmin("unpause")
    await calibrated(after.length + 1)
  })
})
