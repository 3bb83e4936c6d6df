import type { Kysely } from "kysely"
import type { Address } from "viem"
import type { ChainLogOf } from "../domain/chain-log.ts"
import type { Database } from "../store/database.ts"
import type { ChainCursor } from "./chain-locks.ts"
import type { ChainView } from "./chain-view.ts"
import { confirmLateAccounts, findLateAccounts, type LateAccounts } from "./confirm-late-accounts.ts"
import { cursorMoved, type FollowedChain, type Waiting } from "./followed-chain.ts"
import { isSameLog } from "./is-same-log.ts"
import { topicOf } from "./log-topics.ts"
import { readTransfersOf, type TransfersAndHead } from "./read-transfers-of.ts"

const noTransfers: TransfersAndHead = { transfers: [], head: null }

/** Looks up what accounts that were opened since the last time did on the chain at or below the cursor. */
export async function followLateAccounts(
  db: Kysely<Database>,
  view: ChainView,
  chain: FollowedChain,
  cursor: ChainCursor,
  now: Date,
): Promise<{ readonly outcome: "done"; readonly events: number } | Waiting> {
  let events = 0
  for (const late of await findLateAccounts(db, chain.chainId)) {
    const addresses = late.accounts.map((account) => account.address)
    const read =
      addresses.length === 0
        ? noTransfers
        : await readTransfersOf(db, { chainId: chain.chainId, toBlock: cursor.blockNumber, addresses })
    if ("unavailable" in read) return { outcome: "waiting", reason: read.unavailable }
    if (addresses.length > 0) {
      const reason =
        (await findGap(view, chain, cursor, late, read.head)) ?? (await findForged(view, read.transfers))
      if (reason !== undefined) return { outcome: "waiting", reason }
    }
    const { transfers } = read
    const appended = await confirmLateAccounts(db, chain, late, { cursor, transfers }, now)
    if (appended === "moved") return cursorMoved
    events += appended
  }
  return { outcome: "done", events }
}

/** Why the transfers may not be all that there are, up to the cursor and on its chain; asked after they were read. */
async function findGap(
  view: ChainView,
  chain: FollowedChain,
  cursor: ChainCursor,
  late: LateAccounts,
  head: TransfersAndHead["head"],
): Promise<string | undefined> {
  if (head === null || head.blockNumber < cursor.blockNumber)
    return "the indexer is not as far as the confirmations are"
  const tokenIds = new Set(late.accounts.map((account) => account.tokenId))
  for (const { tokenId, tokenAddress } of chain.tokens) {
    if (tokenIds.has(tokenId) && !head.tokens.includes(tokenAddress))
      return `the indexer does not read token ${tokenAddress} of chain ${chain.chainId} yet: start it again`
  }
  const isOneChain =
    (await view.block(head.blockNumber))?.hash === head.blockHash &&
    (await view.block(cursor.blockNumber))?.hash === cursor.blockHash
  return isOneChain ? undefined : "the indexer and the chain stand on different blocks"
}

/** Their blocks were compared with the endpoints' when they were confirmed, but the indexer may have fetched them anew since, from one endpoint. */
async function findForged(
  view: ChainView,
  transfers: readonly ChainLogOf<"Transfer">[],
): Promise<string | undefined> {
  const byBlock = Map.groupBy(transfers, ({ blockNumber }) => blockNumber)
  for (const [blockNumber, rows] of byBlock) {
    const logs = await view.logs({
      fromBlock: blockNumber,
      toBlock: blockNumber,
      addresses: [...new Set(rows.map(({ address }) => address as Address))],
      topics: [topicOf("Transfer")],
    })
    const forged = rows.find((row) => !logs.some((log) => isSameLog(row, log)))
    if (forged !== undefined)
      return `the indexer's log ${forged.logIndex} of block ${blockNumber} is not what the chain's endpoints say`
  }
  return undefined
}
