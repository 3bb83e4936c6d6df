import type { Hex } from "viem"
import { z } from "zod"
import { ChainBridgeError } from "../errors.ts"
import { type AgreedBlock, disagreement, parseBlock, parseHex, parseQuantity } from "./agreement.ts"
import type { RpcEndpoint } from "./rpc-endpoint.ts"

/** What a mined transaction did, without what endpoints write differently. Hashes are lower case. */
export type AgreedReceipt = {
  readonly blockNumber: bigint
  readonly blockHash: Hex
  readonly isReverted: boolean
}

/**
 * Answers that must not depend on one endpoint: what a signer's next nonce is, whether a nonce is gone for good. Each is about one block, and counts only if more than half of
 * the chain's endpoints have that block and answer, and all of them say the same, of the same block. One that lags has no say, and is missing from the majority.
 * Ask about blocks past the confirmation depth: above it endpoints differ by nature, and older states than some dozen blocks are not kept by every node.
 *
 * Each throws a retryable ChainBridgeError: RPC_DISAGREEMENT, or RPC_UNAVAILABLE where too few answer.
 *
 * @example
 * const count = await client.agreed.getTransactionCount({ address, blockNumber: head - confirmationBlocks })
 */
export type AgreedReads = {
  /** The block itself. */
  getBlock(question: { readonly blockNumber: bigint }): Promise<AgreedBlock>
  /** How many transactions of an account were mined up to and including the block: its lowest nonce that was not used. */
  getTransactionCount(question: { readonly address: Hex; readonly blockNumber: bigint }): Promise<bigint>
  /** In wei. */
  getBalance(question: { readonly address: Hex; readonly blockNumber: bigint }): Promise<bigint>
  /** What a call returns on the state of the block, encoded. An endpoint where it reverts has not answered. */
  call(question: { readonly to: Hex; readonly data: Hex; readonly blockNumber: bigint }): Promise<Hex>
  /** @returns null where the transaction is in no block up to and including this one */
  getTransactionReceipt(question: {
    readonly hash: Hex
    readonly blockNumber: bigint
  }): Promise<AgreedReceipt | null>
}

const receiptSchema = z
  .object({
    blockNumber: z.string().transform(parseQuantity),
    blockHash: z.string().transform(parseHex),
    status: z.string().transform(parseQuantity),
  })
  .transform(({ status, ...place }) => ({ ...place, isReverted: status === 0n }))
  .nullable()

type ReadAll = <Result>(
  what: string,
  question: (endpoint: RpcEndpoint) => Promise<Result>,
) => Promise<Result[]>

/** @param endpointCount how many the chain has, whether they answer or not */
export function createAgreedReads(chainId: bigint, endpointCount: number, readAll: ReadAll): AgreedReads {
  async function ask<Result>(
    what: string,
    blockNumber: bigint,
    question: (endpoint: RpcEndpoint, block: Hex) => Promise<Result>,
  ): Promise<{ block: AgreedBlock; result: Result }> {
    const at: Hex = `0x${blockNumber.toString(16)}`
    const answers = await readAll(what, async (endpoint) => {
      const block = parseBlock(await endpoint.request("eth_getBlockByNumber", [at, false]))
      // A node without the block would answer for an older one, or from whatever it takes for the newest.
      return block === null ? null : { block, result: await question(endpoint, at) }
    })
    const known = answers.flatMap((answer) => (answer === null ? [] : [answer]))
    const [first, ...others] = known
    if (first === undefined || known.length * 2 <= endpointCount) {
      throw new ChainBridgeError(
        "RPC_UNAVAILABLE",
        `chain ${chainId}: ${known.length} of ${endpointCount} endpoints answered ${what} at block ${blockNumber}, and more than half have to`,
        { retryable: true },
      )
    }
    if (others.some((other) => fingerprint(other) !== fingerprint(first)))
      throw disagreement(chainId, `${what} at block ${blockNumber}`)
    return first
  }

  return {
    getBlock: async ({ blockNumber }) =>
      (await ask("eth_getBlockByNumber", blockNumber, () => Promise.resolve(null))).block,
    async getTransactionCount({ address, blockNumber }) {
      const { result } = await ask("eth_getTransactionCount", blockNumber, async (endpoint, block) =>
        parseQuantity(await endpoint.request("eth_getTransactionCount", [address, block])),
      )
      return result
    },
    async getBalance({ address, blockNumber }) {
      const { result } = await ask("eth_getBalance", blockNumber, async (endpoint, block) =>
        parseQuantity(await endpoint.request("eth_getBalance", [address, block])),
      )
      return result
    },
    async call({ to, data, blockNumber }) {
      const { result } = await ask("eth_call", blockNumber, async (endpoint, block) =>
        parseHex(await endpoint.request("eth_call", [{ to, data }, block])),
      )
      return result
    },
    async getTransactionReceipt({ hash, blockNumber }) {
      const { result } = await ask("eth_getTransactionReceipt", blockNumber, async (endpoint) => {
        const receipt = receiptSchema.parse(await endpoint.request("eth_getTransactionReceipt", [hash]))
        // Endpoints that are further than the block may know more than the others.
        return receipt === null || receipt.blockNumber > blockNumber ? null : receipt
      })
      return result
    },
  }
}

function fingerprint({ block, result }: { block: AgreedBlock; result: unknown }): string {
  return JSON.stringify([block.hash, result], (_key, value: unknown) =>
    typeof value === "bigint" ? value.toString() : value,
  )
}
