import type { Address, Hex } from "viem"
import { z } from "zod"
import { startAnvil } from "../support/anvil.ts"

/** Without `to`: a deployment. */
export type GasCall = { readonly to?: Address; readonly data: Hex; readonly gasLimit?: number }

export type GasChain = {
  /** Of the node. */
  readonly version: string
  /** Sends every transaction. */
  readonly sender: Address
  deploy(creationCode: Hex): Promise<Address>
  /**
   * Gas that each call used as a transaction of its own, in this order.
   * @throws GasExceeded when one needs more than a transaction may use
   * @throws Error when one reverts for another reason
   */
  gasOf(calls: readonly GasCall[]): Promise<number[]>
  /** What a call answers, without a transaction. */
  read(to: Address, data: Hex): Promise<Hex>
  /** Runs `measure` and takes back what it did to the chain. */
  undoing<Result>(measure: () => Promise<Result>): Promise<Result>
  stop(): Promise<void>
}

/** EIP-7825. */
export const transactionGasMax = 16_777_216

export class GasExceeded extends Error {
  override readonly message = `more than the ${transactionGasMax} gas that a transaction may use`
}

export const chainHardfork = "osaka"
/** Far above what is sent at once, so that fees do not rise. */
const blockGasLimit = 100_000_000_000
const callsPerBlock = 200
const bytesPerBlock = 1_500_000

const receipts = z.array(
  z.object({
    transactionHash: z.string(),
    status: z.string(),
    gasUsed: z.string(),
    contractAddress: z.string().nullable().optional(),
  }),
)
type Receipt = z.infer<typeof receipts>[number]

/** A chain of its own under fixed rules. It mines when told, so that thousands of transactions take seconds. */
export async function startGasChain(): Promise<GasChain> {
  const anvil = await startAnvil({
    args: [
      ...["--hardfork", chainHardfork, "--enable-tx-gas-limit"],
      ...["--no-mining", "--order", "fifo", "--gas-limit", String(blockGasLimit)],
    ],
  })
  const request = async (method: string, ...params: unknown[]): Promise<unknown> => {
    const [answer] = await send(anvil.rpcUrl, [{ method, params }])
    return answer
  }
  const [sender] = z.array(z.string()).parse(await request("eth_accounts")) as Address[]
  if (sender === undefined) throw new Error("the node has no accounts")

  const mine = async (calls: readonly GasCall[]): Promise<Receipt[]> => {
    let nonce = Number(await request("eth_getTransactionCount", sender, "latest"))
    const mined: Receipt[] = []
    // A pool that holds thousands of transactions of one sender takes ten times as long.
    for (const group of inBlocks(calls)) {
      const requests = group.map(({ to, data, gasLimit = transactionGasMax }) => ({
        method: "eth_sendTransaction",
        params: [{ from: sender, to, data, gas: toHex(gasLimit), nonce: toHex(nonce++) }],
      }))
      const hashes = await send(anvil.rpcUrl, requests)
      await request("evm_mine")
      const block = receipts.parse(await request("eth_getBlockReceipts", "latest"))
      const byHash = new Map(block.map((receipt) => [receipt.transactionHash, receipt]))
      for (const hash of hashes) {
        const receipt = byHash.get(String(hash))
        if (receipt === undefined) throw new Error(`transaction ${String(hash)} is not in its block`)
        mined.push(receipt)
      }
    }
    return mined
  }

  return {
    version: String(await request("web3_clientVersion")),
    sender,
    deploy: async (creationCode) => {
      const [receipt] = await mine([{ data: creationCode }])
      if (receipt?.status !== "0x1" || !receipt.contractAddress) throw new Error("a deployment reverted")
      return receipt.contractAddress as Address
    },
    gasOf: async (calls) => {
      const mined = await mine(calls)
      return mined.map(({ status, gasUsed }) => {
        const used = Number(gasUsed)
        if (status === "0x1") return used
        if (used === transactionGasMax) throw new GasExceeded()
        throw new Error(`a call reverted after ${used} gas`)
      })
    },
    read: async (to, data) => (await request("eth_call", { to, data }, "latest")) as Hex,
    undoing: async (measure) => {
      const snapshot = await request("evm_snapshot")
      try {
        return await measure()
      } finally {
        await request("evm_revert", snapshot)
      }
    },
    stop: anvil.stop,
  }
}

function* inBlocks(calls: readonly GasCall[]): Generator<GasCall[]> {
  let group: GasCall[] = []
  let bytes = 0
  for (const call of calls) {
    if (group.length === callsPerBlock || (bytes + call.data.length > bytesPerBlock && group.length > 0)) {
      yield group
      group = []
      bytes = 0
    }
    group.push(call)
    bytes += call.data.length
  }
  if (group.length > 0) yield group
}

const answers = z.array(
  z.object({
    id: z.number(),
    result: z.unknown(),
    error: z.object({ message: z.string() }).optional(),
  }),
)

async function send(
  url: string,
  requests: readonly { readonly method: string; readonly params: readonly unknown[] }[],
): Promise<unknown[]> {
  const body = JSON.stringify(requests.map((request, id) => ({ jsonrpc: "2.0", id, ...request })))
  const response = await fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body })
  const answered = new Map(answers.parse(await response.json()).map((answer) => [answer.id, answer]))
  return requests.map(({ method }, id) => {
    const answer = answered.get(id)
    if (answer === undefined) throw new Error(`no answer to ${method}`)
    if (answer.error !== undefined) throw new Error(`${method}: ${answer.error.message}`)
    return answer.result
  })
}

function toHex(value: number): Hex {
  return `0x${value.toString(16)}`
}
