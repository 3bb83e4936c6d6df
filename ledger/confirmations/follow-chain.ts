import type { Kysely } from "kysely"
import type { Address } from "viem"
import { clearAlarm, raiseAlarm } from "../store/alarms.ts"
import type { Database } from "../store/database.ts"
import type { ChainBlock, ChainView } from "./chain-view.ts"
import { type ChainCursor, type ChainToken, confirmBlocks } from "./confirm-blocks.ts"
import { confirmLateAccounts, findLateAccounts } from "./confirm-late-accounts.ts"
import { logTopics } from "./log-topics.ts"
import { readChainLog } from "./read-chain-log.ts"
import { readTransfersOf } from "./read-transfers-of.ts"
import { confirmedBlocksAbove, revokeBlocks } from "./revoke-blocks.ts"

export type FollowedChain = {
  readonly chainId: number
  readonly confirmationBlocks: number
  /** `safe` waits for the chain's own safe block instead of a number of blocks. */
  readonly finality: "depth" | "safe"
  readonly startBlock: bigint
  readonly tokens: readonly ChainToken[]
}

/** What one step did. `waiting` says for what; the next wake tries again. */
export type FollowResult =
  | {
      readonly outcome: "confirmed"
      readonly events: number
      readonly blockNumber: bigint
      readonly isBehind: boolean
    }
  | { readonly outcome: "revoked"; readonly confirmations: number; readonly blockNumber: bigint }
  | { readonly outcome: "idle" }
  | { readonly outcome: "waiting"; readonly reason: string }

const logsPerStep = 5_000
const blocksPerStep = 10_000n

/**
 * One step along a chain, from what stands in the database and nothing else: takes back what is no longer canonical, or confirms the next whole blocks, then looks after late accounts.
 * Dying at any line leaves either the state before the step or the one after it.
 */
export async function followChain(
  db: Kysely<Database>,
  view: ChainView,
  chain: FollowedChain,
  now: Date,
): Promise<FollowResult> {
  const cursor = await readCursor(db, view, chain, now)
  const block = await view.block(cursor.blockNumber)
  if (block === null)
    return {
      outcome: "waiting",
      reason: `the chain has no block ${cursor.blockNumber} yet, which was confirmed`,
    }
  if (block.hash !== cursor.blockHash) return goBack(db, view, chain, cursor, now)
  const confirmed = await confirmNext(db, view, chain, cursor, now)
  return confirmed.outcome === "idle" ? confirmLate(db, view, chain, cursor, now) : confirmed
}

async function readCursor(
  db: Kysely<Database>,
  view: ChainView,
  chain: FollowedChain,
  now: Date,
): Promise<ChainCursor> {
  const read = () =>
    db
      .selectFrom("ledger.chain_cursors")
      .select(["block_number as blockNumber", "block_hash as blockHash"])
      .where("chain_id", "=", BigInt(chain.chainId))
      .executeTakeFirst()
  const known = await read()
  if (known !== undefined) return known
  const start = await view.block(chain.startBlock > 0n ? chain.startBlock - 1n : 0n)
  if (start === null)
    throw new TypeError(`chain ${chain.chainId} has no block ${chain.startBlock}, where its tokens start`)
  await db.transaction().execute(async (trx) => {
    await trx
      .insertInto("ledger.chain_cursors")
      .values({
        chain_id: BigInt(chain.chainId),
        block_number: start.number,
        block_hash: start.hash,
        block_time: start.time,
        updated_at: now,
      })
      .onConflict((conflict) => conflict.doNothing())
      .execute()
    await trx
      .insertInto("ledger.confirmed_blocks")
      .values({ chain_id: BigInt(chain.chainId), block_number: start.number, block_hash: start.hash })
      .onConflict((conflict) => conflict.doNothing())
      .execute()
  })
  return (await read()) ?? { blockNumber: start.number, blockHash: start.hash }
}

async function confirmNext(
  db: Kysely<Database>,
  view: ChainView,
  chain: FollowedChain,
  cursor: ChainCursor,
  now: Date,
): Promise<FollowResult> {
  const fromBlock = cursor.blockNumber + 1n
  const deepEnough =
    chain.finality === "safe"
      ? await view.safeNumber()
      : (await view.headNumber()) - BigInt(chain.confirmationBlocks)
  const wanted =
    deepEnough < cursor.blockNumber + blocksPerStep ? deepEnough : cursor.blockNumber + blocksPerStep
  if (wanted < fromBlock) return { outcome: "idle" }
  const read = await readChainLog(db, {
    chainId: chain.chainId,
    fromBlock,
    toBlock: wanted,
    limit: logsPerStep,
  })
  if ("unavailable" in read) return { outcome: "waiting", reason: read.unavailable }
  const { logs, throughBlock: last } = read
  if (last < fromBlock)
    return { outcome: "waiting", reason: `the indexer has not finished block ${fromBlock}` }

  // The block that ends the step is read between two looks at the indexer's head: the same hash both times means that both stand on one chain.
  const before = await view.block(read.head.blockNumber)
  const to = await view.block(last)
  const keys = await view.logKeys({
    fromBlock,
    toBlock: last,
    addresses: chain.tokens.map((token) => token.tokenAddress as Address),
    topics: logTopics,
  })
  const after = await view.block(read.head.blockNumber)
  if (to === null || before?.hash !== read.head.blockHash || after?.hash !== read.head.blockHash) {
    return { outcome: "waiting", reason: "the indexer and the chain stand on different blocks" }
  }
  const seen = new Set(logs.map((log) => `${log.blockHash}:${log.logIndex}`))
  if (keys.length !== seen.size || keys.some((key) => !seen.has(`${key.blockHash}:${key.logIndex}`))) {
    const reason = `the indexer has ${seen.size} logs in blocks ${fromBlock} to ${last}, the chain's endpoints have ${keys.length}`
    await raiseAlarm(db, { kind: "indexer_disagrees", subject: chainSubject(chain), message: reason })
    return { outcome: "waiting", reason }
  }
  await clearAlarm(db, "indexer_disagrees", chainSubject(chain))
  const events = await confirmBlocks(db, chain, { cursor, to, logs }, now)
  if (events === "moved") return { outcome: "waiting", reason: "another worker moved the cursor" }
  const isBehind = to.number < deepEnough
  if (!isBehind) await clearAlarm(db, "reorg_below_confirmations", chainSubject(chain))
  return { outcome: "confirmed", events, blockNumber: to.number, isBehind }
}

export function chainSubject(chain: { readonly chainId: number }): string {
  return `chain:${chain.chainId}`
}

/** Rewinds to the newest confirmed block that the chain still has. */
async function goBack(
  db: Kysely<Database>,
  view: ChainView,
  chain: FollowedChain,
  cursor: ChainCursor,
  now: Date,
): Promise<FollowResult> {
  const remembered = await db
    .selectFrom("ledger.confirmed_blocks")
    .select(["block_number", "block_hash"])
    .where("chain_id", "=", BigInt(chain.chainId))
    .where("block_number", "<", cursor.blockNumber)
    .orderBy("block_number", "desc")
    .execute()
  let common: ChainBlock | undefined
  for (const point of remembered) {
    const block = await view.block(point.block_number)
    if (block?.hash === point.block_hash) {
      common = block
      break
    }
  }
  if (common === undefined) {
    const message = `chain ${chain.chainId} has none of the ${remembered.length} confirmed blocks that are remembered: this is another chain, or one that went back further than that`
    await raiseAlarm(db, { kind: "reorg_beyond_memory", subject: chainSubject(chain), message })
    return { outcome: "waiting", reason: message }
  }
  const orphanedHashes: string[] = []
  for (const { blockNumber, blockHash } of await confirmedBlocksAbove(db, chain.chainId, common.number)) {
    const block = await view.block(blockNumber)
    if (block === null)
      return {
        outcome: "waiting",
        reason: `the chain has no block ${blockNumber} yet: its reorganisation is not over`,
      }
    if (block.hash !== blockHash) orphanedHashes.push(blockHash)
  }
  const revoked = await revokeBlocks(
    db,
    chain.chainId,
    {
      cursor,
      common: { blockNumber: common.number, blockHash: common.hash, time: common.time },
      orphanedHashes,
    },
    now,
  )
  if (revoked === "moved") return { outcome: "waiting", reason: "another worker moved the cursor" }
  return { outcome: "revoked", confirmations: revoked, blockNumber: common.number }
}

async function confirmLate(
  db: Kysely<Database>,
  view: ChainView,
  chain: FollowedChain,
  cursor: ChainCursor,
  now: Date,
): Promise<FollowResult> {
  let events = 0
  for (const late of await findLateAccounts(db, chain.chainId)) {
    const addresses = late.accounts.map((account) => account.address)
    const { transfers, head } =
      addresses.length === 0
        ? { transfers: [], head: null }
        : await readTransfersOf(db, { chainId: chain.chainId, toBlock: cursor.blockNumber, addresses })
    if (addresses.length > 0) {
      const isComplete = head !== null && head.blockNumber >= cursor.blockNumber
      if (!isComplete || (await view.block(head.blockNumber))?.hash !== head.blockHash) {
        return { outcome: "waiting", reason: "the indexer is not as far as the confirmations are" }
      }
    }
    const appended = await confirmLateAccounts(db, chain, late, { cursor, transfers }, now)
    if (appended === "moved") return { outcome: "waiting", reason: "another worker moved the cursor" }
    events += appended
  }
  return events === 0
    ? { outcome: "idle" }
    : { outcome: "confirmed", events, blockNumber: cursor.blockNumber, isBehind: false }
}
