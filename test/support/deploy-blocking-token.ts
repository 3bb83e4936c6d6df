import {
  type Address,
  createPublicClient,
  createWalletClient,
  encodeFunctionData,
  type Hex,
  http,
  toHex,
} from "viem"
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts"
import { compile } from "../../contracts/scripts/compile.ts"
import { callJsonRpc } from "./call-json-rpc.ts"
import type { DeployedToken } from "./deploy-token.ts"

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
  const operatorKey = generatePrivateKey()
  const operator = privateKeyToAccount(operatorKey).address
  const admin = privateKeyToAccount(generatePrivateKey())
  for (const address of [operator, admin.address])
    await callJsonRpc(rpcUrl, "anvil_setBalance", [address, toHex(10n ** 20n)])
  const client = createPublicClient({ transport: http(rpcUrl), pollingInterval: 20 })
  const wallet = createWalletClient({ account: admin, transport: http(rpcUrl) })
  const mined = async (hash: Hex) => {
    await callJsonRpc(rpcUrl, "evm_mine", [])
    const receipt = await client.waitForTransactionReceipt({ hash, timeout: 20_000 })
    if (receipt.status !== "success") throw new Error(`transaction ${hash} reverted`)
    return receipt
  }
  const { contractAddress } = await mined(
    await wallet.deployContract({
      abi: contract.abi,
      bytecode: contract.bytecode,
      args: [admin.address, operator],
      chain: null,
    }),
  )
  if (contractAddress === null || contractAddress === undefined) throw new Error("the token was not deployed")
  // In front of whatever else waits for the next block.
  const rush = { maxFeePerGas: 500n * 10n ** 9n, maxPriorityFeePerGas: 100n * 10n ** 9n }
  const sendAsAdmin = async (data: Hex) => {
    await mined(
      await wallet.sendTransaction({ to: contractAddress, data, chain: null, gas: 200_000n, ...rush }),
    )
  }
  return {
    address: contractAddress.toLowerCase() as Address,
    operatorKey,
    operator: operator.toLowerCase() as Address,
    admin: admin.address.toLowerCase() as Address,
    sendAsAdmin,
    callAsAdmin: (functionName) =>
      sendAsAdmin(encodeFunctionData({ abi: contract.abi, functionName, args: [] })),
  }
}
