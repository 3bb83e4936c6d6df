import { causesOf } from "../../platform/errors.ts"
import { middleOf, parseQuantity } from "../../platform/rpc/agreement.ts"
import type { ChainClient } from "../../platform/rpc/chain-client.ts"
import { RpcFault } from "../../platform/rpc/rpc-fault.ts"
import { type FeeHistory, type Market, marketFrom } from "../domain/fees.ts"
import type { TransactionPolicy } from "../store/transaction-policy.ts"

/**
 * What the chain takes for a unit of gas now, and by which type of transaction. `auto`: a chain whose newest block has a base fee, and whose nodes tell its history, gets
 * EIP-1559 transactions; every other chain, legacy ones, which all chains take.
 * @throws ChainBridgeError RPC_UNAVAILABLE
 */
export async function readMarket(
  client: ChainClient,
  type: TransactionPolicy["transactionType"],
  options: { readonly hasBaseFee: boolean; readonly feeHistory: () => Promise<FeeHistory> },
): Promise<Market> {
  if (type === "legacy" || (type === "auto" && !options.hasBaseFee)) return readGasPrice(client)
  try {
    return marketFrom(await options.feeHistory())
  } catch (error) {
    if (type === "auto" && isMethodMissing(error)) return readGasPrice(client)
    throw error
  }
}

async function readGasPrice(client: ChainClient): Promise<Market> {
  const prices = await client.readEach("eth_gasPrice", [], parseQuantity)
  return { type: "legacy", gasPrice: middleOf(prices, (price) => price) }
}

const methodMissingCodes: ReadonlySet<number | null> = new Set([-32601, -32004])

function isMethodMissing(error: unknown): boolean {
  const fault = causesOf(error).find((cause) => cause instanceof RpcFault)
  return fault !== undefined && methodMissingCodes.has(fault.rpcCode)
}
