import type { Kysely } from "kysely"
import { raiseAlarm } from "../store/alarms.ts"
import type { Database } from "../store/database.ts"
import type { ChainCursor } from "./chain-locks.ts"
import type { ChainBlock, ChainView } from "./chain-view.ts"
import { chainSubject, cursorMoved, type FollowResult } from "./followed-chain.ts"
import { confirmedBlocksAbove, revokeBlocks } from "./revoke-blocks.ts"

/** Rewinds to the newest confirmed block that the chain still has. */
export async function goBack(
  db: Kysely<Database>,
  view: ChainView,
  chainId: number,
  cursor: ChainCursor,
  now: Date,
): Promise<FollowResult> {
  const remembered = await db
    .selectFrom("ledger.confirmed_blocks")
    .select(["block_number", "block_hash"])
    .where("chain_id", "=", BigInt(chainId))
    .where("block_number", "<", cursor.blockNumber)
    .orderBy("block_number", "desc")
    .execute()
  const common = await findCommon(view, remembered)
  if (common === undefined) {
    const message = `chain ${chainId} has none of the ${remembered.length} confirmed blocks that are remembered: this is another chain, or one that went back further than that`
    await raiseAlarm(db, {
      kind: "reorg_beyond_memory",
      subject: chainSubject(chainId),
      ledgerId: null,
      message,
    })
    return { outcome: "waiting", reason: message }
  }
  const orphanedHashes: string[] = []
  for (const { blockNumber, blockHash } of await confirmedBlocksAbove(db, chainId, common.number)) {
    const block = await view.block(blockNumber)
    if (block === null) {
      const reason = `the chain has no block ${blockNumber} yet: its reorganisation is not over`
      return { outcome: "waiting", reason }
    }
    if (block.hash !== blockHash) orphanedHashes.push(blockHash)
  }
  const revoked = await revokeBlocks(db, chainId, { cursor, common, orphanedHashes }, now)
  if (revoked === "moved") return cursorMoved
  return {
    outcome: "revoked",
    revoked,
    cursor: { blockNumber: common.number, blockHash: common.hash },
  }
}

async function findCommon(
  view: ChainView,
  remembered: readonly { readonly block_number: bigint; readonly block_hash: string }[],
): Promise<ChainBlock | undefined> {
  for (const point of remembered) {
    const block = await view.block(point.block_number)
    if (block?.hash === point.block_hash) return block
  }
  return undefined
}
