import { type Abi, type Address, createPublicClient, createWalletClient, type Hex, http, toHex } from "viem"
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts"
import { callJsonRpc } from "./call-json-rpc.ts"

/** Goes in front of whatever else waits for the next block. */
const rush = { maxFeePerGas: 500n * 10n ** 9n, maxPriorityFeePerGas: 100n * 10n ** 9n }

export type Deployer = {
  /** Signs what is deployed and sent here. */
  readonly admin: Address
  readonly operatorKey: Hex
  readonly operator: Address
  /** @returns the contract's address, lower case */
  deploy(abi: Abi, bytecode: Hex, args: readonly unknown[]): Promise<Address>
  /** Mined when it returns. @param gas where the node is not to estimate it */
  send(to: Address, data: Hex, gas?: bigint): Promise<void>
}

/** A fresh admin and a fresh operator, both with coins, and contracts of theirs. Works with any mining mode. */
export async function createDeployer(rpcUrl: string): Promise<Deployer> {
  const admin = privateKeyToAccount(generatePrivateKey())
  const operatorKey = generatePrivateKey()
  const operator = privateKeyToAccount(operatorKey).address
  for (const address of [admin.address, operator])
    await callJsonRpc(rpcUrl, "anvil_setBalance", [address, toHex(10n ** 20n)])
  const client = createPublicClient({ transport: http(rpcUrl), pollingInterval: 20 })
  const wallet = createWalletClient({ account: admin, transport: http(rpcUrl) })
  const mined = async (hash: Hex) => {
    await callJsonRpc(rpcUrl, "evm_mine", [])
    const receipt = await client.waitForTransactionReceipt({ hash, timeout: 20_000 })
    if (receipt.status !== "success") throw new Error(`transaction ${hash} reverted`)
    return receipt
  }
  return {
    admin: admin.address.toLowerCase() as Address,
    operatorKey,
    operator: operator.toLowerCase() as Address,
    async deploy(abi, bytecode, args) {
      const hash = await wallet.deployContract({ abi, bytecode, args, chain: null })
      const { contractAddress } = await mined(hash)
      if (contractAddress === null || contractAddress === undefined) throw new Error("nothing was deployed")
      return contractAddress.toLowerCase() as Address
    },
    async send(to, data, gas) {
      const limit = gas === undefined ? {} : { gas }
      await mined(await wallet.sendTransaction({ to, data, chain: null, ...limit, ...rush }))
    },
  }
}
