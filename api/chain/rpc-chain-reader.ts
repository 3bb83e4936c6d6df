import { erc20Abi } from "viem"
import { ChainBridgeError } from "../../platform/errors.ts"
import { type ChainClient, createChainClient } from "../../platform/rpc/chain-client.ts"
import type { ChainReader } from "../context.ts"

/**
 * Reads chains for callers who wait: one try at each endpoint, and no longer than `timeoutMs` at each.
 * @param options.urlsOf the endpoints of a chain, the preferred one first; empty where it has none
 */
export function createRpcChainReader(options: {
  readonly urlsOf: (chainId: bigint) => readonly string[]
  readonly timeoutMs: number
}): ChainReader {
  const clients = new Map<bigint, ChainClient>()

  function clientOf(chainId: bigint): ChainClient {
    const known = clients.get(chainId)
    if (known !== undefined) return known
    const limits = { timeoutMs: options.timeoutMs, roundsMax: 1 }
    const client = createChainClient({ chainId, urls: options.urlsOf(chainId), limits })
    clients.set(chainId, client)
    return client
  }

  async function ask<Found>(
    chainId: bigint,
    question: (reads: ChainClient["reads"]) => Promise<Found>,
  ): Promise<Found> {
    try {
      return await question(clientOf(chainId).reads)
    } catch (error) {
      throw new ChainBridgeError("CHAIN_UNAVAILABLE", `chain ${chainId} could not be read; ask again later`, {
        retryable: true,
        cause: error,
      })
    }
  }

  return {
    balanceOf: (chainId, token, account) =>
      ask(chainId, async (reads) => {
        const blockNumber = await reads.getBlockNumber({ cacheTime: 0 })
        const amountBaseUnits = await reads.readContract({
          abi: erc20Abi,
          address: token,
          functionName: "balanceOf",
          args: [account],
          blockNumber,
        })
        return { amountBaseUnits, blockNumber }
      }),
    isDeployed: (chainId, address) =>
      ask(chainId, async (reads) => (await reads.getCode({ address })) !== undefined),
    headBlock: (chainId) => ask(chainId, (reads) => reads.getBlockNumber({ cacheTime: 0 })),
  }
}
