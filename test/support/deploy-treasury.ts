import {
  type Abi,
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
import { treasuryBytecode } from "../../abis/bytecode/treasury.ts"
import { treasuryAbi } from "../../abis/treasury.ts"
import { compile } from "../../contracts/scripts/compile.ts"
import { callJsonRpc } from "./call-json-rpc.ts"
import type { DeployedToken } from "./deploy-token.ts"

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
  const deploy = async (abi: Abi, bytecode: Hex): Promise<Address> => {
    const hash = await wallet.deployContract({ abi, bytecode, args: [admin.address], chain: null })
    const { contractAddress } = await mined(hash)
    if (!contractAddress) throw new Error("nothing was deployed")
    return contractAddress.toLowerCase() as Address
  }
  const address = await deploy(contract.abi, contract.bytecode)
  const treasury = await deploy(treasuryAbi as Abi, treasuryBytecode)
  // In front of whatever else waits for the next block.
  const rush = { maxFeePerGas: 500n * 10n ** 9n, maxPriorityFeePerGas: 100n * 10n ** 9n }
  const send = async (to: Address, data: Hex) => {
    await mined(await wallet.sendTransaction({ to, data, chain: null, gas: 300_000n, ...rush }))
  }
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
    operator: operator.toLowerCase() as Address,
    admin: admin.address.toLowerCase() as Address,
    sendAsAdmin: (data) => send(address, data),
    callAsAdmin: (functionName) => call(functionName),
    set: (functionName, ...args) => call(functionName, args),
    callTreasury,
  }
}
