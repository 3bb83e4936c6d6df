import { type Abi, type Address, encodeFunctionData, type Hex, keccak256, toHex } from "viem"
import { cpopTokenBytecode } from "../../abis/bytecode/cpop-token.ts"
import { cpopTokenAbi } from "../../abis/cpop-token.ts"
import { createDeployer } from "./deployer.ts"

export type DeployedToken = {
  /** Lower case. */
  readonly address: Address
  /** May settle; has coins for gas, and no transaction yet. */
  readonly operatorKey: Hex
  readonly operator: Address
  readonly admin: Address
  /** The contract that pays the token's batches out, where it knows none itself. */
  readonly treasury?: Address
  /** Calls the token as its admin, who may settle too, and mines it. */
  sendAsAdmin(data: Hex): Promise<void>
  callAsAdmin(functionName: "pause" | "unpause"): Promise<void>
}

/** The real CPOP token on a local chain, with a fresh operator. Works with any mining mode. */
export async function deployToken(rpcUrl: string): Promise<DeployedToken> {
  const { admin, operatorKey, operator, deploy, send } = await createDeployer(rpcUrl)
  const address = await deploy(cpopTokenAbi as Abi, cpopTokenBytecode, ["CPOP", "CPOP", admin])
  const call = (data: Hex) => send(address, data)
  for (const account of [operator, admin]) {
    await call(
      encodeFunctionData({
        abi: cpopTokenAbi,
        functionName: "grantRole",
        args: [keccak256(toHex("OPERATOR_ROLE")), account],
      }),
    )
  }
  return {
    address,
    operatorKey,
    operator,
    admin,
    sendAsAdmin: call,
    callAsAdmin: (functionName) => call(encodeFunctionData({ abi: cpopTokenAbi, functionName })),
  }
}
