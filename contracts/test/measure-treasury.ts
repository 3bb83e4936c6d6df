import { type Address, encodeFunctionData } from "viem"
import { treasuryAbi } from "../../abis/treasury.ts"
import { encodeDeltas } from "../../ledger/domain/packed-deltas.ts"
import type { TestChain } from "./test-chain.ts"
import { deployTreasury } from "./treasury-fixture.ts"

const sizes = [1, 30, 250]

/** Gas of batches that a treasury pays out in the library's plain token, by name. A neighbour's batch was paid or cancelled before, so that the guard's word is in use. */
export async function measureTreasury(
  chain: TestChain,
  recipients: (count: number) => readonly { readonly address: Address; readonly amount: bigint }[],
): Promise<Record<string, number>> {
  const gas: Record<string, number> = {}
  for (const count of sizes)
    for (const holders of ["existing", "new"] as const) {
      const { treasury, token, operator } = await deployTreasury(chain, "plain", 2n ** 100n)
      const deltas = encodeDeltas(recipients(count))
      const settle = (batchId: bigint) =>
        encodeFunctionData({ abi: treasuryAbi, functionName: "settle", args: [token, batchId, deltas] })
      const cancel = encodeFunctionData({ abi: treasuryAbi, functionName: "cancelBatch", args: [1n] })
      await chain.send(operator, treasury, holders === "existing" ? settle(1n) : cancel)
      const receipt = await chain.send(operator, treasury, settle(2n))
      if (receipt.status !== "success") throw new Error("a treasury's batch reverted")
      gas[`treasury pays ${count}, ${holders} holders`] = Number(receipt.gasUsed)
    }
  return gas
}
