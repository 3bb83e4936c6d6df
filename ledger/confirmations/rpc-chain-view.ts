import { erc20Abi } from "viem"
import { ChainBridgeError } from "../../platform/errors.ts"
import type { ChainClient } from "../../platform/rpc/chain-client.ts"
import type { ChainView } from "./chain-view.ts"

/** Balances in one `eth_call`: some 80 bytes of calldata and 5,000 gas each, far below what endpoints allow. */
const holdersPerCall = 1_000

/** A chain as its RPC endpoints show it. */
export function createRpcChainView(client: ChainClient): ChainView {
  return {
    headNumber: () => client.headNumber(),
    async safeNumber() {
      const block = await client.reads.getBlock({ blockTag: "safe" })
      if (block.number !== null) return block.number
      throw new ChainBridgeError("RPC_UNAVAILABLE", `chain ${client.chainId} names no safe block`, {
        retryable: true,
      })
    },
    block: (number) => client.canonicalBlock(number),
    async logKeys({ fromBlock, toBlock, addresses, topics }) {
      const logs = await client.getLogs({ fromBlock, toBlock, addresses, topics: [topics] })
      return logs.map(({ blockHash, logIndex }) => ({ blockHash, logIndex }))
    },
    async balancesOf(token, holders, blockNumber) {
      const balances: bigint[] = []
      for (let start = 0; start < holders.length; start += holdersPerCall) {
        const contracts = holders.slice(start, start + holdersPerCall).map((holder) => ({
          abi: erc20Abi,
          address: token,
          functionName: "balanceOf" as const,
          args: [holder] as const,
        }))
        balances.push(
          ...(await client.reads.multicall({
            contracts,
            blockNumber,
            allowFailure: false,
            deployless: true,
            batchSize: 0,
          })),
        )
      }
      return balances
    },
    totalSupply: (token, blockNumber) =>
      client.reads.readContract({ abi: erc20Abi, address: token, functionName: "totalSupply", blockNumber }),
  }
}
