import { encodeFunctionData, type Hex } from "viem"
import { cpopTokenAbi } from "../../abis/cpop-token.ts"

/** The calldata that takes a batch's id out of use. */
export function encodeCancel(batchId: Hex): Hex {
  return encodeFunctionData({ abi: cpopTokenAbi, functionName: "cancelBatch", args: [BigInt(batchId)] })
}
