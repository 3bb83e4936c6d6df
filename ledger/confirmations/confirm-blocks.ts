import { type Kysely, sql, type Transaction } from "kysely"
import type { ChainLog, ChainLogOf } from "../domain/chain-log.ts"
import { decideAnchors } from "../domain/decide-anchors.ts"
import { batchIdHex, decideConfirmations } from "../domain/decide-confirmations.ts"
import type { Database } from "../store/database.ts"
import { type ChainCursor, lockCursor, lockLedgers } from "./chain-locks.ts"
import type { ChainBlock } from "./chain-view.ts"
import type { FollowedChain } from "./followed-chain.ts"
import { ledgersOfAnchors, loadCheckpoints } from "./load-checkpoints.ts"
import { ledgersOf, loadOwnership, loadTokensOfBatches, wantedBy } from "./load-ownership.ts"
import { recordFindings } from "./record-findings.ts"

export type ChainToken = {
  readonly tokenId: number
  readonly tokenAddress: string
  /** The contract that pays the token's batches out, and says so in logs of its own. Several tokens may share it. */
  readonly treasury: string | null
}

/** So many of the newest points of the confirmed chain are remembered, and of older ones the first of every so many blocks: where a reorganisation began is found among them. */
const rememberedBlocks = 1_000
const blocksPerOldPoint = 128
/** A step makes one point, so one at most becomes an old one; more only where fewer were kept once. */
const thinnedAtOnce = 16

/**
 * Confirms whole blocks: events, projections and the cursor in one transaction, or nothing. Above the cursor no confirmation stands: going back takes all of them along.
 * @param logs every log of the tokens, of their treasuries and of the anchor contract in the blocks after the cursor up to and including `to`
 * @returns how many events were appended, or `moved` where another worker was faster
 */
export function confirmBlocks(
  db: Kysely<Database>,
  chain: Pick<FollowedChain, "chainId" | "tokens" | "auditAnchor">,
  step: { readonly cursor: ChainCursor; readonly to: ChainBlock; readonly logs: readonly ChainLog[] },
  now: Date,
): Promise<{ readonly events: number } | "moved"> {
  const { chainId } = chain
  const anchors = step.logs.filter(
    (log): log is ChainLogOf<"CheckpointAnchored"> =>
      log.kind === "CheckpointAnchored" && log.address === chain.auditAnchor,
  )
  const tokenIds = chain.tokens.map((token) => token.tokenId)
  return db.transaction().execute(async (trx) => {
    if (!(await lockCursor(trx, chainId, step.cursor))) return "moved"
    const ledgers = await lockLedgers(trx, [
      ...new Set([
        ...(await ledgersOf(trx, chainId, tokenIds, step.logs)),
        ...(await ledgersOfAnchors(trx, anchors)),
      ]),
    ])
    const tokenOfBatch = await loadTokensOfBatches(trx, wantedBy(step.logs).batchIds)
    let appended = 0
    for (const token of chain.tokens) {
      const logs = step.logs.filter((log) => concerns(log, token, tokenOfBatch))
      if (logs.length === 0) continue
      const ownership = await loadOwnership(trx, token.tokenId, chainId, [...ledgers.keys()], logs)
      appended += await recordFindings(trx, ledgers, decideConfirmations(logs, ownership), now)
    }
    if (anchors.length > 0) {
      const checkpoints = await loadCheckpoints(trx, [...ledgers.keys()], anchors)
      appended += await recordFindings(trx, ledgers, decideAnchors(anchors, checkpoints), now)
    }
    await moveCursor(trx, chainId, step.to, now)
    return { events: appended }
  })
}

/** A treasury's logs name no token, but a batch that we know is of one. What it says of a batch that nobody here knows concerns all of its tokens. */
function concerns(log: ChainLog, token: ChainToken, tokenOfBatch: ReadonlyMap<string, number>): boolean {
  if (log.address === token.tokenAddress) return true
  if (log.address !== token.treasury || !("batchId" in log.args)) return false
  const tokenId = tokenOfBatch.get(batchIdHex(log.args.batchId))
  return tokenId === undefined || tokenId === token.tokenId
}

async function moveCursor(
  trx: Transaction<Database>,
  chainId: number,
  to: ChainBlock,
  now: Date,
): Promise<void> {
  await sql`
    UPDATE ledger.chain_cursors
    SET block_number = ${to.number}, block_hash = ${to.hash}, block_time = ${to.time}, updated_at = ${now}
    WHERE chain_id = ${chainId}`.execute(trx)
  await sql`
    INSERT INTO ledger.confirmed_blocks (chain_id, block_number, block_hash)
    VALUES (${chainId}, ${to.number}, ${to.hash})`.execute(trx)
  await sql`
    DELETE FROM ledger.confirmed_blocks b WHERE chain_id = ${chainId}
      AND block_number IN (
        SELECT block_number FROM ledger.confirmed_blocks WHERE chain_id = ${chainId}
        ORDER BY block_number DESC OFFSET ${rememberedBlocks} LIMIT ${thinnedAtOnce})
      AND EXISTS (
        SELECT FROM ledger.confirmed_blocks o WHERE o.chain_id = ${chainId}
          AND o.block_number >= b.block_number / ${blocksPerOldPoint} * ${blocksPerOldPoint} AND o.block_number < b.block_number)`.execute(
    trx,
  )
}
