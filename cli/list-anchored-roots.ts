import {
  type Address,
  BaseError,
  HttpRequestError,
  type PublicClient,
  RpcRequestError,
  TimeoutError,
} from "viem"
import { auditAnchorAbi } from "../abis/audit-anchor.ts"
import { ledgerIdBytes } from "../ledger/domain/wallet-address.ts"

/** What most endpoints answer at once, after the whole of it was too much for one. */
const pageBlocks = 10_000n
/** Chains with more pages than that take hours: whoever asks is told to take an endpoint that answers larger ones. */
const pagesMax = 20_000

/**
 * Every root that the contract ever took for a ledger, by tree size, out of its logs: the sizes are known nowhere else. Asks for less at a time where an endpoint does not answer for
 * all blocks at once.
 * @returns null where the endpoint does not give its logs
 * @throws what viem throws when the endpoint cannot be reached
 */
export async function listAnchoredRoots(
  client: PublicClient,
  contract: Address,
  ledgerId: string,
  toBlock: bigint,
): Promise<Map<bigint, string> | null> {
  const roots = new Map<bigint, string>()
  let fromBlock = 0n
  let blocks = toBlock + 1n
  for (let page = 0; page < pagesMax && fromBlock <= toBlock; page += 1) {
    const last = fromBlock + blocks > toBlock ? toBlock : fromBlock + blocks - 1n
    try {
      const logs = await client.getContractEvents({
        address: contract,
        abi: auditAnchorAbi,
        eventName: "CheckpointAnchored",
        args: { ledgerId: ledgerIdBytes(ledgerId) },
        fromBlock,
        toBlock: last,
        strict: true,
      })
      for (const { args } of logs) roots.set(args.treeSize, args.root)
      fromBlock = last + 1n
    } catch (error) {
      if (!isAnswer(error)) throw error
      if (blocks === 1n) return null
      if (blocks === toBlock + 1n) fromBlock = await deployedAt(client, contract, toBlock)
      blocks = blocks > pageBlocks ? pageBlocks : (blocks + 1n) / 2n
    }
  }
  return fromBlock > toBlock ? roots : null
}

/** The first block that has the contract; 0 where the endpoint does not know its past. */
async function deployedAt(client: PublicClient, address: Address, head: bigint): Promise<bigint> {
  let [without, present] = [-1n, head]
  try {
    while (present - without > 1n) {
      const blockNumber = (present + without) / 2n
      if ((await client.getCode({ address, blockNumber })) === undefined) without = blockNumber
      else present = blockNumber
    }
    return present
  } catch (error) {
    if (!isAnswer(error)) throw error
    return 0n
  }
}

/** Whether the endpoint refused this question, or was too slow for it, and is there. */
function isAnswer(error: unknown): boolean {
  if (!(error instanceof BaseError)) return false
  const cause = error.walk(
    (one) =>
      one instanceof RpcRequestError ||
      one instanceof TimeoutError ||
      (one instanceof HttpRequestError && one.status !== undefined),
  )
  return cause !== null
}
