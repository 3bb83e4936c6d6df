import { type Address, encodeFunctionData, type Hex, keccak256, stringToHex } from "viem"
import { cpopTokenBytecode } from "../../abis/bytecode/cpop-token.ts"
import { cpopTokenAbi } from "../../abis/cpop-token.ts"
import { accountAt, type TestChain } from "./test-chain.ts"

export const roles = {
  admin: `0x${"00".repeat(32)}`,
  minter: keccak256(stringToHex("MINTER_ROLE")),
  burner: keccak256(stringToHex("BURNER_ROLE")),
  operator: keccak256(stringToHex("OPERATOR_ROLE")),
} as const satisfies Record<string, Hex>

export type TokenFixture = {
  readonly address: Address
  readonly admin: Address
  readonly minter: Address
  readonly burner: Address
  readonly operator: Address
  readonly nobody: Address
}

/** A new token with one account per role. */
export async function deployToken(
  chain: TestChain,
  bytecode: Hex = cpopTokenBytecode,
): Promise<TokenFixture> {
  const admin = accountAt(chain.accounts, 0)
  const minter = accountAt(chain.accounts, 1)
  const burner = accountAt(chain.accounts, 2)
  const operator = accountAt(chain.accounts, 3)
  const address = await chain.deploy(cpopTokenAbi, bytecode, ["CPOP Token", "CPOP", admin])
  for (const [role, account] of [
    [roles.minter, minter],
    [roles.burner, burner],
    [roles.operator, operator],
  ] as const) {
    const data = encodeFunctionData({ abi: cpopTokenAbi, functionName: "grantRole", args: [role, account] })
    const receipt = await chain.send(admin, address, data)
    if (receipt.status !== "success") throw new Error("grantRole reverted")
  }
  return { address, admin, minter, burner, operator, nobody: accountAt(chain.accounts, 4) }
}
