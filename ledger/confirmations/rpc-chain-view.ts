import { erc20Abi } from "viem"
import type { ChainClient } from "../../platform/rpc/chain-client.ts"
import type { ChainView } from "./chain-view.ts"

/** The answer of a deployless call comes as contract code, which may have 24,576 bytes: some 180 balances. */
const holdersPerCall = 150
const callsAtOnce = 4

/** A chain as its RPC endpoints show it. */
export function createRpcChainView(client: ChainClient): ChainView {
  return {
    headNumber: () => client.headNumber(),
    safeNumber: () => client.safeNumber(),
    block: (number) => client.canonicalBlock(number),
    logs: ({ fromBlock, toBlock, addresses, topics }) =>
      client.getLogs({ fromBlock, toBlock, addresses, topics: [topics] }),
    async balancesOf(token, holders, blockNumber) {
      const calls = Array.from({ length: Math.ceil(holders.length / holdersPerCall) }, (_, call) =>
        holders.slice(call * holdersPerCall, (call + 1) * holdersPerCall),
      )
      const answers = new Array<bigint[]>(calls.length)
      const waiting = calls.entries()
      const read = async (): Promise<void> => {
        for (const [call, some] of waiting) {
          answers[call] = await client.reads.multicall({
            contracts: some.map((holder) => ({
              abi: erc20Abi,
              address: token,
              functionName: "balanceOf" as const,
              args: [holder] as const,
            })),
            blockNumber,
            allowFailure: false,
            deployless: true,
            batchSize: 0,
          })
        }
      }
      await Promise.all(Array.from({ length: callsAtOnce }, read))
      return answers.flat()
    },
    totalSupply: (token, blockNumber) =>
      client.reads.readContract({ abi: erc20Abi, address: token, functionName: "totalSupply", blockNumber }),
  }
}
