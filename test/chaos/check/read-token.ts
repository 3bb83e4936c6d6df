import { type Address, type PublicClient, parseAbi } from "viem"

/** What is read of the token; written out here, so that nothing generated from the product's sources is believed. */
const tokenAbi = parseAbi([
  "event Transfer(address indexed from, address indexed to, uint256 value)",
  "event BatchSettled(uint256 indexed batchId, bytes32 contentHash, uint256 minted, uint256 burned)",
  "event BatchCancelled(uint256 indexed batchId)",
  "event DebitSkipped(uint256 indexed batchId, address indexed account, uint256 amount, uint256 balance)",
  "function totalSupply() view returns (uint256)",
  "function decimals() view returns (uint8)",
])

export type TokenLog = {
  readonly transactionHash: string
  readonly blockNumber: bigint
  /** Block hash and index of the log. */
  readonly place: string
} & (
  | {
      readonly kind: "Transfer"
      readonly from: string
      readonly to: string
      readonly value: bigint
    }
  | { readonly kind: "BatchSettled"; readonly batchId: string; readonly contentHash: string }
  | { readonly kind: "BatchCancelled" | "DebitSkipped"; readonly batchId: string }
)

export type TokenState = {
  readonly blockNumber: bigint
  readonly totalSupply: bigint
  readonly logs: readonly TokenLog[]
}

export function readDecimals(client: PublicClient, token: Address): Promise<number> {
  return client.readContract({ abi: tokenAbi, address: token, functionName: "decimals" })
}

/** Everything that the token ever said, and its supply, at one block. */
export async function readToken(
  client: PublicClient,
  token: Address,
  blockNumber: bigint,
): Promise<TokenState> {
  const found = await client.getContractEvents({
    abi: tokenAbi,
    address: token,
    fromBlock: 0n,
    toBlock: blockNumber,
    strict: true,
  })
  const logs = found.map((log): TokenLog => {
    const { transactionHash, blockNumber: at } = log
    const common = { transactionHash, blockNumber: at, place: `${log.blockHash}/${log.logIndex}` }
    if (log.eventName === "Transfer") {
      const { from, to, value } = log.args
      return { ...common, kind: "Transfer", from: from.toLowerCase(), to: to.toLowerCase(), value }
    }
    const batchId = `0x${log.args.batchId.toString(16).padStart(64, "0")}`
    if (log.eventName === "BatchSettled")
      return { ...common, kind: "BatchSettled", batchId, contentHash: log.args.contentHash }
    return { ...common, kind: log.eventName, batchId }
  })
  const totalSupply = await client.readContract({
    abi: tokenAbi,
    address: token,
    functionName: "totalSupply",
    blockNumber,
  })
  return { blockNumber, totalSupply, logs }
}
