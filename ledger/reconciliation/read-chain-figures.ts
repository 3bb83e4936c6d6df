import type { Address } from "viem"
import { ChainBridgeError, describeError } from "../../platform/errors.ts"
import type { ChainView } from "../confirmations/chain-view.ts"
import type { NotNow } from "./reconciliation-run.ts"
import type { BlockPoint, Snapshot } from "./take-snapshot.ts"

export type ChainFigures = {
  /** In the order of the snapshot's accounts. */
  readonly balances: readonly bigint[]
  /** null where the snapshot has none. */
  readonly supply: bigint | null
}

/**
 * What the token contract says of the snapshot's accounts at its watermark. The endpoints have to know the watermark and the indexer's head by their hashes before and after: then all
 * that was read, here and in the snapshot, belongs to one chain.
 * @param onTrouble gets what an endpoint really said: that is for the log, not for the run's owner
 */
export async function readChainFigures(
  view: ChainView,
  token: string,
  snapshot: Snapshot,
  onTrouble: (reason: string) => void,
): Promise<ChainFigures | NotNow> {
  const { watermark, indexerHead, accounts } = snapshot
  try {
    const before = await findMoved(view, watermark, indexerHead)
    if (before !== undefined) return { notNow: before }
    const holders = accounts.map((account) => account.address as Address)
    const balances = await view.balancesOf(token as Address, holders, watermark.blockNumber)
    const supply =
      snapshot.indexerSupply === null ? null : await view.totalSupply(token as Address, watermark.blockNumber)
    const after = await findMoved(view, watermark, indexerHead)
    return after === undefined ? { balances, supply } : { notNow: after }
  } catch (error) {
    onTrouble(describeError(error))
    return { notNow: troubleOf(error, watermark.blockNumber) }
  }
}

async function findMoved(
  view: ChainView,
  watermark: BlockPoint,
  indexerHead: BlockPoint,
): Promise<string | undefined> {
  const [newest, compared] = await Promise.all([
    view.block(indexerHead.blockNumber),
    view.block(watermark.blockNumber),
  ])
  if (compared?.hash !== watermark.blockHash)
    return `the chain no longer has block ${watermark.blockNumber} as it was confirmed`
  if (newest?.hash !== indexerHead.blockHash)
    return "the indexer and the chain's endpoints stand on different blocks"
  return undefined
}

function troubleOf(error: unknown, blockNumber: bigint): string {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (!(cause instanceof ChainBridgeError)) continue
    if (cause.code === "RPC_DISAGREEMENT") return "the chain's endpoints do not agree with each other"
    if (cause.code === "RPC_UNAVAILABLE" && !isRefusal(cause)) return "the chain's endpoints do not answer"
  }
  return `the chain's endpoints cannot tell the token's balances at block ${blockNumber}: either that block's state is no longer kept there, or no token is at the address`
}

/** The node answered, with an error. */
function isRefusal(error: ChainBridgeError): boolean {
  return error.cause instanceof Error && "kind" in error.cause && error.cause.kind === "rpc_error"
}
