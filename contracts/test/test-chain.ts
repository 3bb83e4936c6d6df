import { setTimeout } from "node:timers/promises"
import {
  type Abi,
  type Address,
  createPublicClient,
  createWalletClient,
  type Hex,
  http,
  type PublicClient,
  type TransactionReceipt,
  TransactionReceiptNotFoundError,
  type WalletClient,
} from "viem"
import { foundry } from "viem/chains"
import { startAnvil } from "../../test/support/anvil.ts"

export type TestChain = {
  readonly publicClient: PublicClient
  readonly walletClient: WalletClient
  /** Ten accounts that hold coin and whose transactions the node signs. */
  readonly accounts: readonly Address[]
  deploy(abi: Abi, bytecode: Hex, args: readonly unknown[]): Promise<Address>
  /** Sends a call as one of `accounts` and waits for its block. A call that reverts is mined all the same. */
  send(from: Address, to: Address, data: Hex, value?: bigint): Promise<TransactionReceipt>
  stop(): Promise<void>
}

const gasMax = 16_000_000n
const receiptTimeoutMs = 10_000

/** A chain of its own with fixed rules, so that gas does not move when the node's default hardfork does. */
export async function startTestChain(): Promise<TestChain> {
  const anvil = await startAnvil({ args: ["--hardfork", "osaka", "--enable-tx-gas-limit"] })
  const transport = http(anvil.rpcUrl)
  const publicClient = createPublicClient({ chain: foundry, transport, cacheTime: 0 })
  const walletClient = createWalletClient({ chain: foundry, transport })
  const accounts = await walletClient.getAddresses()
  const deployer = accountAt(accounts, 0)
  return {
    publicClient,
    walletClient,
    accounts,
    deploy: async (abi, bytecode, args) => {
      const hash = await walletClient.deployContract({
        abi,
        bytecode,
        args,
        account: deployer,
        chain: foundry,
        gas: gasMax,
      })
      const receipt = await receiptOf(publicClient, hash)
      if (receipt.status !== "success" || !receipt.contractAddress) throw new Error("the deployment reverted")
      return receipt.contractAddress
    },
    send: async (from, to, data, value = 0n) => {
      const hash = await walletClient.sendTransaction({
        account: from,
        to,
        data,
        value,
        chain: foundry,
        gas: gasMax,
      })
      return receiptOf(publicClient, hash)
    },
    stop: anvil.stop,
  }
}

/**
 * Asks until the receipt is there. The client's own wait looks again only at the next block, and a chain that
 * mines on demand makes none when it has mined between the first look and the wait.
 */
async function receiptOf(publicClient: PublicClient, hash: Hex): Promise<TransactionReceipt> {
  const deadline = performance.now() + receiptTimeoutMs
  while (performance.now() < deadline) {
    try {
      return await publicClient.getTransactionReceipt({ hash })
    } catch (error) {
      if (!(error instanceof TransactionReceiptNotFoundError)) throw error
    }
    await setTimeout(2)
  }
  throw new Error(`transaction ${hash} was not mined within ${receiptTimeoutMs} ms`)
}

export function accountAt(accounts: readonly Address[], index: number): Address {
  const account = accounts[index]
  if (account === undefined) throw new Error(`there is no account ${index}`)
  return account
}
