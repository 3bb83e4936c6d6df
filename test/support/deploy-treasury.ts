import { type Abi, type Address, encodeFunctionData, type Hex, keccak256, toHex } from "viem"
import { treasuryBytecode } from "../../abis/bytecode/treasury.ts"
import { treasuryAbi } from "../../abis/treasury.ts"
import { compile } from "../../contracts/scripts/compile.ts"
import type { DeployedToken } from "./deploy-token.ts"
import { createDeployer } from "./deployer.ts"

const path = "contracts/test/OddToken.sol"

/** What a new treasury is given, in base units. */
export const treasuryFunds = 10n ** 12n

export type OddToken = DeployedToken & {
  readonly treasury: Address
  /** Switches one of the token's oddities; mined when it returns. */
  set(
    functionName: "setAnswer" | "setFee" | "setSurcharge" | "setBlocked" | "setListener" | "mint",
    ...args: unknown[]
  ): Promise<void>
  /** Calls the treasury as its admin. */
  callTreasury(
    functionName: "withdraw" | "pause" | "unpause" | "grantRole",
    ...args: unknown[]
  ): Promise<void>
}

/** Somebody else's plain token and a treasury of ours that holds some of it. Works with any mining mode. */
export async function deployTreasury(rpcUrl: string): Promise<OddToken> {
  const contract = compile([path]).get(`${path}:OddToken`)
  if (contract === undefined) throw new Error("there is no OddToken")
  const deployer = await createDeployer(rpcUrl)
  const { admin, operatorKey, operator } = deployer
  const address = await deployer.deploy(contract.abi, contract.bytecode, [admin])
  const treasury = await deployer.deploy(treasuryAbi as Abi, treasuryBytecode, [admin])
  const send = (to: Address, data: Hex) => deployer.send(to, data, 300_000n)
  const call = (functionName: string, args: readonly unknown[] = []) =>
    send(address, encodeFunctionData({ abi: contract.abi, functionName, args }))
  const callTreasury = (functionName: string, ...args: readonly unknown[]) =>
    send(treasury, encodeFunctionData({ abi: treasuryAbi as Abi, functionName, args }))
  await callTreasury("grantRole", keccak256(toHex("OPERATOR_ROLE")), operator)
  await call("mint", [treasury, treasuryFunds])
  return {
    address,
    treasury,
    operatorKey,
    operator,
    admin,
    sendAsAdmin: (data) => send(address, data),
    callAsAdmin: (functionName) => call(functionName),
    set: (functionName, ...args) => call(functionName, args),
    callTreasury,
  }
}
