import { encodeFunctionData, type Hex } from "viem"
import { auditAnchorAbi } from "../../abis/audit-anchor.ts"
import { ledgerIdBytes } from "../../ledger/domain/wallet-address.ts"
import type { AnchorKey } from "../store/call-key.ts"

/** The calldata of an anchor: the same bytes for the same checkpoint, always. */
export function encodeAnchor({ ledgerId, treeSize }: AnchorKey, root: Hex): Hex {
  return encodeFunctionData({
    abi: auditAnchorAbi,
    functionName: "anchor",
    args: [ledgerIdBytes(ledgerId), treeSize, root],
  })
}
