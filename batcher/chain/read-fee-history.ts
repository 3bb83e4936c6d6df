import type { ChainClient } from "../../platform/rpc/chain-client.ts"
import type { FeeHistory } from "../domain/fees.ts"

const historyBlocks = 20

/** The base fees and median tips of the chain's recent blocks. @throws ChainBridgeError RPC_UNAVAILABLE */
export async function readFeeHistory(client: ChainClient): Promise<FeeHistory> {
  const history = await client.reads.getFeeHistory({ blockCount: historyBlocks, rewardPercentiles: [50] })
  return {
    baseFeePerGas: history.baseFeePerGas,
    tips: (history.reward ?? []).flatMap(([tip]) => tip ?? []),
  }
}
