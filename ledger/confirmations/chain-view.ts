import type { Address, Hex } from "viem"
import type { AgreedBlock, AgreedLog } from "../../platform/rpc/agreement.ts"

/** @public */
export type ChainBlock = AgreedBlock

/**
 * What confirmations and reconciliation ask a chain's endpoints. Heads, blocks and logs are what the endpoints agree on; balances and supply are what one of them says.
 * Each call throws a retryable ChainBridgeError RPC_UNAVAILABLE or RPC_DISAGREEMENT when they do not answer or do not agree.
 */
export type ChainView = {
  headNumber(): Promise<bigint>
  /** The newest block that the chain itself calls safe. */
  safeNumber(): Promise<bigint>
  /** @returns null where the chain has no such block */
  block(number: bigint): Promise<ChainBlock | null>
  /** Logs of these contracts with one of these first topics, in a closed range of blocks of at most 10,000. */
  logs(range: {
    readonly fromBlock: bigint
    readonly toBlock: bigint
    readonly addresses: readonly Address[]
    readonly topics: readonly Hex[]
  }): Promise<AgreedLog[]>
  /** `balanceOf` of each holder at one block, in base units. */
  balancesOf(token: Address, holders: readonly Address[], blockNumber: bigint): Promise<bigint[]>
  totalSupply(token: Address, blockNumber: bigint): Promise<bigint>
}
