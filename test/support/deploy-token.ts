import {
  type Address,
  createPublicClient,
  createWalletClient,
  encodeFunctionData,
  type Hex,
  http,
  keccak256,
  toHex,
} from "viem"
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts"
import { cpopTokenBytecode } from "../../abis/bytecode/cpop-token.ts"
import { cpopTokenAbi } from "../../abis/cpop-token.ts"
import { callJsonRpc } from "./call-json-rpc.ts"

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

/** Goes in front of whatever else waits for the next block. */
const rush = { maxFeePerGas: 500n * 10n ** 9n, maxPriorityFeePerGas: 100n * 10n ** 9n }

const coins = toHex(10n ** 20n)

/** The real CPOP token on a local chain, with a fresh operator. Works with any mining mode. */
export async function deployToken(rpcUrl: string): Promise<DeployedToken> {
  const admin = privateKeyToAccount(generatePrivateKey())
  const operatorKey = generatePrivateKey()
  const operator = privateKeyToAccount(operatorKey).address
  for (const account of [admin.address, operator])
    await callJsonRpc(rpcUrl, "anvil_setBalance", [account, coins])
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
      abi: cpopTokenAbi,
      bytecode: cpopTokenBytecode,
      args: ["CPOP", "CPOP", admin.address],
      chain: null,
    }),
  )
  if (contractAddress === null || contractAddress === undefined) throw new Error("the token was not deployed")
  const call = async (data: Hex) => {
    await mined(await wallet.sendTransaction({ to: contractAddress, data, chain: null, ...rush }))
  }
  for (const account of [operator, admin.address]) {
    await call(
      encodeFunctionData({
        abi: cpopTokenAbi,
        functionName: "grantRole",
        args: [keccak256(toHex("OPERATOR_ROLE")), account],
      }),
    )
  }
  return {
    address: contractAddress.toLowerCase() as Address,
    operatorKey,
    operator: operator.toLowerCase() as Address,
    admin: admin.address.toLowerCase() as Address,
    sendAsAdmin: call,
    callAsAdmin: (functionName) => call(encodeFunctionData({ abi: cpopTokenAbi, functionName })),
  }
}
