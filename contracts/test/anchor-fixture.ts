import { type Address, encodeFunctionData, keccak256, stringToHex } from "viem"
import { auditAnchorAbi } from "../../abis/audit-anchor.ts"
import { auditAnchorBytecode } from "../../abis/bytecode/audit-anchor.ts"
import { accountAt, type TestChain } from "./test-chain.ts"

export const anchorRole = keccak256(stringToHex("ANCHOR_ROLE"))

export type AnchorFixture = {
  readonly address: Address
  readonly admin: Address
  /** Has the anchoring role. */
  readonly keeper: Address
  readonly nobody: Address
}

/** A new AuditAnchor with one account that may anchor. */
export async function deployAnchor(chain: TestChain): Promise<AnchorFixture> {
  const admin = accountAt(chain.accounts, 0)
  const keeper = accountAt(chain.accounts, 1)
  const address = await chain.deploy(auditAnchorAbi, auditAnchorBytecode, [admin])
  const data = encodeFunctionData({
    abi: auditAnchorAbi,
    functionName: "grantRole",
    args: [anchorRole, keeper],
  })
  const receipt = await chain.send(admin, address, data)
  if (receipt.status !== "success") throw new Error("grantRole reverted")
  return { address, admin, keeper, nobody: accountAt(chain.accounts, 4) }
}
