import type { ChainClient } from "../../platform/rpc/chain-client.ts"
import type { FeeReading } from "../domain/congestion.ts"

/** The most that a configured window may ask for, and more than nodes refuse. */
const historyBlocks = 100

/** What the chain's newest blocks cost and how full they were. @throws ChainBridgeError RPC_UNAVAILABLE */
export async function readFeeMarket(client: ChainClient): Promise<FeeReading> {
  const [history, newest] = await Promise.all([
    client.reads.getFeeHistory({ blockCount: historyBlocks, rewardPercentiles: [] }),
    client.reads.getBlock({ blockTag: "latest" }),
  ])
  return {
    baseFees: history.baseFeePerGas,
    gasUsedRatios: history.gasUsedRatio,
    blockGasLimit: newest.gasLimit,
  }
}
