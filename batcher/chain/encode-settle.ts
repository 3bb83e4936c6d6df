import { encodeFunctionData, type Hex } from "viem"
import { cpopTokenAbi } from "../../abis/cpop-token.ts"

/** The guarded call of our own token. */
export function encodeSettle(batchId: Hex, deltas: Hex): Hex {
  return encodeFunctionData({ abi: cpopTokenAbi, functionName: "settle", args: [BigInt(batchId), deltas] })
}
