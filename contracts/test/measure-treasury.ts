import { type Address, encodeFunctionData } from "viem"
import { treasuryAbi } from "../../abis/treasury.ts"
import { encodeDeltas } from "../../ledger/domain/packed-deltas.ts"
import { startTestChain } from "./test-chain.ts"
import { deployTreasury } from "./treasury-fixture.ts"

const sizes = [1, 30, 250]

/**
 * Gas of batches that a treasury pays out in the library's plain token, by name. A neighbour's batch was paid or cancelled before, so that the guard's word is in use. On a chain of its own: the
 * token's address is in the calldata, whose zero bytes are cheaper, and it must not depend on what was deployed before.
 */
export async function measureTreasury(
  recipients: (count: number) => readonly { readonly address: Address; readonly amount: bigint }[],
): Promise<Record<string, number>> {
  const gas: Record<string, number> = {}
  const chain = await startTestChain()
  try {
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
  } finally {
    await chain.stop()
  }
  return gas
}
