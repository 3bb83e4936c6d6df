import { type Address, encodeFunctionData, type Hex } from "viem"
import { compile } from "../../contracts/scripts/compile.ts"
import type { DeployedToken } from "./deploy-token.ts"
import { createDeployer } from "./deployer.ts"

const path = "contracts/test/BlockingToken.sol"

const adminAbi = [
  {
    type: "function",
    name: "setBlocked",
    stateMutability: "nonpayable",
    inputs: [
      { name: "account", type: "address" },
      { name: "blocked", type: "bool" },
    ],
    outputs: [],
  },
  {
    type: "function",
    name: "setFee",
    stateMutability: "nonpayable",
    inputs: [{ name: "feeBaseUnits", type: "uint256" }],
    outputs: [],
  },
] as const

/** Has the token refuse an account, or take it again. */
export const blockCall = (account: Address, blocked: boolean): Hex =>
  encodeFunctionData({ abi: adminAbi, functionName: "setBlocked", args: [account, blocked] })

export const feeCall = (feeBaseUnits: bigint): Hex =>
  encodeFunctionData({ abi: adminAbi, functionName: "setFee", args: [feeBaseUnits] })

/** Somebody else's token, which can be settled with a guard and without one. Works with any mining mode. */
export async function deployBlockingToken(rpcUrl: string): Promise<DeployedToken> {
  const contract = compile([path]).get(`${path}:BlockingToken`)
  if (contract === undefined) throw new Error("there is no BlockingToken")
  const { admin, operatorKey, operator, deploy, send } = await createDeployer(rpcUrl)
  const address = await deploy(contract.abi, contract.bytecode, [admin, operator])
  const sendAsAdmin = (data: Hex) => send(address, data, 200_000n)
  return {
    address,
    operatorKey,
    operator,
    admin,
    sendAsAdmin,
    callAsAdmin: (functionName) =>
      sendAsAdmin(encodeFunctionData({ abi: contract.abi, functionName, args: [] })),
  }
}
