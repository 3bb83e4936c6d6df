import type { Kysely } from "kysely"
import { clearAlarm, raiseAlarm } from "../store/alarms.ts"
import type { Database } from "../store/database.ts"
import type { ChainCursor } from "./chain-locks.ts"
import type { ChainBlock, ChainView } from "./chain-view.ts"
import { findFork } from "./find-fork.ts"
import { chainSubject, cursorMoved, type FollowedChain, type FollowResult } from "./followed-chain.ts"
import { revokeBlocks } from "./revoke-blocks.ts"

/** Rewinds to the newest block of ours that the chain still has; to where its tokens start when it has none. */
export async function goBack(
  db: Kysely<Database>,
  view: ChainView,
  chain: Pick<FollowedChain, "chainId" | "startBlock" | "genesisHash">,
  cursor: ChainCursor,
  now: Date,
): Promise<FollowResult> {
  const { chainId } = chain
  const fork = await findFork(db, view, chainId)
  if (fork.outcome === "behind") {
    const reason = `the chain has no block ${fork.missing} yet, which was confirmed`
    return { outcome: "waiting", reason }
  }
  const common = fork.outcome === "common" ? fork.common : await findStart(db, view, chain)
  if ("waiting" in common) return { outcome: "waiting", reason: common.waiting }
  const revoked = await revokeBlocks(db, chainId, { cursor, common }, now)
  if (revoked === "moved") return cursorMoved
  await clearAlarm(db, "reorg_beyond_memory", chainSubject(chainId))
  return {
    outcome: "revoked",
    revoked,
    cursor: { blockNumber: common.number, blockHash: common.hash },
  }
}

/** The chain lost everything that was ever confirmed on it, if it is the same chain at all: that its first block tells. */
async function findStart(
  db: Kysely<Database>,
  view: ChainView,
  { chainId, startBlock, genesisHash }: Pick<FollowedChain, "chainId" | "startBlock" | "genesisHash">,
): Promise<ChainBlock | { readonly waiting: string }> {
  const genesis = await view.block(0n)
  if (genesis?.hash !== genesisHash) {
    const message = `chain ${chainId} has none of the blocks that were confirmed, and another first block (${genesis?.hash ?? "none"}, expected ${genesisHash}): this is another chain, and nothing is taken back`
    await raiseAlarm(db, {
      kind: "reorg_beyond_memory",
      subject: chainSubject(chainId),
      ledgerId: null,
      message,
    })
    return { waiting: message }
  }
  const number = startBlock > 0n ? startBlock - 1n : 0n
  return (
    (await view.block(number)) ?? {
      waiting: `the chain lost all of its blocks but the oldest ones and has no block ${number} yet, where its tokens start`,
    }
  )
}
