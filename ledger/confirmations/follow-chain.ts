import type { Kysely } from "kysely"
import type { Address } from "viem"
import type { AgreedLog } from "../../platform/rpc/agreement.ts"
import type { ChainLog } from "../domain/chain-log.ts"
import { clearAlarm, raiseAlarm } from "../store/alarms.ts"
import type { Database } from "../store/database.ts"
import type { ChainCursor } from "./chain-locks.ts"
import type { ChainView } from "./chain-view.ts"
import { confirmBlocks } from "./confirm-blocks.ts"
import { followLateAccounts } from "./follow-late-accounts.ts"
import { chainSubject, cursorMoved, type FollowedChain, type FollowResult } from "./followed-chain.ts"
import { goBack } from "./go-back.ts"
import { isIndexed, isSameLog } from "./is-same-log.ts"
import { logTopics } from "./log-topics.ts"
import { readChainLog } from "./read-chain-log.ts"

const logsPerStep = 5_000
const blocksPerStep = 10_000

/**
 * How many blocks a step confirms at most. Endpoints bound what they search at once, each in words of its own: where they give no logs, the next step asks for half of it, and for some more once that has
 * been enough.
 */
export type StepSize = { blocks: number }

export function firstStepSize(): StepSize {
  return { blocks: blocksPerStep }
}

/**
 * One step along a chain, from what stands in the database and nothing else: takes back what is no longer canonical, or confirms the next whole blocks, then looks after late accounts.
 * Dying at any line leaves either the state before the step or the one after it.
 * @param stepSize of this chain; it is kept from step to step
 */
export async function followChain(
  db: Kysely<Database>,
  view: ChainView,
  chain: FollowedChain,
  now: Date,
  stepSize: StepSize = firstStepSize(),
): Promise<FollowResult> {
  const cursor = await readCursor(db, view, chain, now)
  const block = await view.block(cursor.blockNumber)
  if (block?.hash !== cursor.blockHash) return goBack(db, view, chain, cursor, now)
  const next = await confirmNext(db, view, chain, cursor, now, stepSize)
  if (next.outcome === "waiting") return next
  // Not only when there is nothing else to do: a chain whose blocks come fast always has something, and behind one that is too fast for the indexer all is never done.
  const late = await followLateAccounts(db, view, chain, next.cursor, now)
  if (next.outcome === "idle") {
    if (late.outcome === "waiting") return late
    return late.events === 0 ? next : { outcome: "confirmed", events: late.events, cursor, isBehind: false }
  }
  return late.outcome === "waiting" ? next : { ...next, events: next.events + late.events }
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
  stepSize: StepSize,
): Promise<Exclude<FollowResult, { outcome: "revoked" }>> {
  const fromBlock = cursor.blockNumber + 1n
  const deepEnough =
    chain.finality === "safe"
      ? await view.safeNumber()
      : (await view.headNumber()) - BigInt(chain.confirmationBlocks)
  const furthest = cursor.blockNumber + BigInt(stepSize.blocks)
  const wanted = deepEnough < furthest ? deepEnough : furthest
  if (wanted < fromBlock) return { outcome: "idle", cursor }
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
  const found = await readLogs(view, chain, { fromBlock, toBlock: last }, stepSize)
  const agreed = found.filter((log) => isIndexed(log, chain.auditAnchor))
  const after = await view.block(read.head.blockNumber)
  if (to === null || before?.hash !== read.head.blockHash || after?.hash !== read.head.blockHash) {
    return { outcome: "waiting", reason: "the indexer and the chain stand on different blocks" }
  }
  const difference = findDifference(logs, agreed)
  if (difference !== null) {
    const reason = `the indexer has ${logs.length} logs in blocks ${fromBlock} to ${last}, the chain's endpoints have ${agreed.length}${difference}`
    await raiseAlarm(db, {
      kind: "indexer_disagrees",
      subject: chainSubject(chain.chainId),
      ledgerId: null,
      message: reason,
    })
    return { outcome: "waiting", reason }
  }
  await clearAlarm(db, "indexer_disagrees", chainSubject(chain.chainId))
  const done = await confirmBlocks(db, chain, { cursor, to, logs }, now)
  if (done === "moved") return cursorMoved
  const isBehind = to.number < deepEnough
  if (!isBehind) await clearAlarm(db, "reorg_below_confirmations", chainSubject(chain.chainId))
  return {
    outcome: "confirmed",
    ...done,
    cursor: { blockNumber: to.number, blockHash: to.hash },
    isBehind,
  }
}

async function readLogs(
  view: ChainView,
  chain: FollowedChain,
  range: { readonly fromBlock: bigint; readonly toBlock: bigint },
  stepSize: StepSize,
): Promise<AgreedLog[]> {
  const size = Number(range.toBlock - range.fromBlock) + 1
  try {
    const logs = await view.logs({ ...range, addresses: contractsOf(chain), topics: logTopics })
    if (size === stepSize.blocks) stepSize.blocks = Math.min(blocksPerStep, size + Math.ceil(size / 8))
    return logs
  } catch (error) {
    stepSize.blocks = Math.max(1, Math.floor(size / 2))
    throw error
  }
}

/** @returns what they differ in besides their number; null where they are the same */
function findDifference(rows: readonly ChainLog[], agreed: readonly AgreedLog[]): string | null {
  const keyOf = ({ blockHash, logIndex }: Pick<ChainLog, "blockHash" | "logIndex">) =>
    `${blockHash}:${logIndex}`
  const seen = new Map(rows.map((row) => [keyOf(row), row]))
  if (agreed.length !== seen.size || agreed.some((log) => !seen.has(keyOf(log)))) return ""
  for (const log of agreed) {
    const row = seen.get(keyOf(log))
    if (row !== undefined && !isSameLog(row, log))
      return `, and log ${log.logIndex} of block ${log.blockNumber} says something else`
  }
  return null
}

/** Whose logs count: every token's, its treasury's, and those of the contract that keeps checkpoints' roots. */
function contractsOf({ tokens, auditAnchor }: FollowedChain): Address[] {
  const addresses = tokens.flatMap(({ tokenAddress, treasury }) => [tokenAddress, treasury])
  return [...new Set([...addresses, auditAnchor])].filter((address) => address !== null) as Address[]
}
