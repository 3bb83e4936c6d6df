import { z } from "zod"
import { middleOf, parseQuantity } from "../../platform/rpc/agreement.ts"
import type { ChainClient } from "../../platform/rpc/chain-client.ts"
import { type FeeHistory, marketFrom } from "../domain/fees.ts"

const historyBlocks = 20
const quantity = z.unknown().transform(parseQuantity)
const historySchema = z.object({
  baseFeePerGas: z.array(quantity),
  gasUsedRatio: z.array(z.number()).nullish(),
  // For each block the tip at each percentile that was asked for. Blocks without transactions may have none.
  reward: z.array(z.array(quantity)).nullish(),
})

/**
 * The base fees and tips of the chain's recent blocks, from the endpoint that asks for neither more nor less than the others: what is paid does not rest on one endpoint's word.
 * @throws ChainBridgeError RPC_UNAVAILABLE
 */
export async function readFeeHistory(client: ChainClient): Promise<FeeHistory> {
  const blockCount = `0x${historyBlocks.toString(16)}`
  const histories = await client.readEach("eth_feeHistory", [blockCount, "latest", [25, 50]], parseHistory)
  return middleOf(histories, (history) => {
    const { baseFee, tip } = marketFrom(history)
    return baseFee + tip
  })
}

function parseHistory(answer: unknown): FeeHistory {
  const { baseFeePerGas, gasUsedRatio, reward } = historySchema.parse(answer)
  const blocks = (reward ?? []).flatMap(([quarter, half = quarter], index) => {
    const fullness = gasUsedRatio?.[index] ?? 1
    return quarter === undefined || half === undefined ? [] : [{ fullness, tips: { quarter, half } }]
  })
  return { baseFeePerGas, blocks }
}
