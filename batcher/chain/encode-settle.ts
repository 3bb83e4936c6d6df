import { encodeFunctionData, type Hex } from "viem"
import { cpopTokenAbi } from "../../abis/cpop-token.ts"

/** The calldata of a batch: the same bytes for the same batch, always. */
export function encodeSettle(batchId: Hex, deltas: Hex): Hex {
  return encodeFunctionData({ abi: cpopTokenAbi, functionName: "settle", args: [BigInt(batchId), deltas] })
}
