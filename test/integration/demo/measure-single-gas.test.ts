import { encodeFunctionData } from "viem"
import { afterAll, beforeAll, expect, test } from "vitest"
import { cpopTokenAbi } from "../../../abis/cpop-token.ts"
import { startTestChain, type TestChain } from "../../../contracts/test/test-chain.ts"
import { deployToken } from "../../../contracts/test/token-fixture.ts"
import { measureSingleGas, standInOf } from "../../demo/measure-single-gas.ts"

let chain: TestChain
beforeAll(async () => {
  chain = await startTestChain()
})
afterAll(() => chain.stop())

const unit = 10n ** 18n
// A new holder, a known one, a part, the rest to zero, and a holder again; more than one request of the simulation.
const cycle = [5n * unit, 7n * unit, -3n * unit, -9n * unit, unit, -unit]

test("a simulated single transaction uses exactly what a real one does, and leaves nothing behind", async () => {
  const token = await deployToken(chain)
  const call = async (userId: string, amount: bigint): Promise<bigint> => {
    const data =
      amount > 0n
        ? encodeFunctionData({ abi: cpopTokenAbi, functionName: "mint", args: [standInOf(userId), amount] })
        : encodeFunctionData({ abi: cpopTokenAbi, functionName: "burn", args: [standInOf(userId), -amount] })
    const receipt = await chain.send(amount > 0n ? token.minter : token.burner, token.address, data)
    expect(receipt.status).toBe("success")
    return receipt.gasUsed
  }
  // The supply is never empty while a stack runs.
  await call("bystander", 1_000n * unit)
  const changes = cycle.map((amountBaseUnits) => ({ userId: "u", amountBaseUnits }))
  const measured = await measureSingleGas(chain.publicClient, token.address, changes)
  let real = 0n
  for (const { userId, amountBaseUnits } of changes) real += await call(userId, amountBaseUnits)
  expect(measured).toEqual({ gas: real, transactions: cycle.length })
  // Now the user is known to the chain, and to the simulation that comes in several requests.
  const many = Array.from({ length: 180 }, () => changes).flat()
  const { gas } = await measureSingleGas(
    chain.publicClient,
    token.address,
    many.map((change) => ({ ...change, userId: "somebody else" })),
  )
  const perChange = Number(gas) / many.length / (Number(real) / cycle.length)
  expect(Math.abs(perChange - 1)).toBeLessThan(0.01)
  const supply = await chain.publicClient.readContract({
    abi: cpopTokenAbi,
    address: token.address,
    functionName: "totalSupply",
  })
  expect(supply).toBe(1_000n * unit)
})
