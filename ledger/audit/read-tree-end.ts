import { type Kysely, sql } from "kysely"
import { ChainBridgeError } from "../../platform/errors.ts"
import { foldSubtrees, type MerkleNode } from "../domain/merkle-builder.ts"
import type { Database } from "../store/database.ts"
import { emptyTree, growTree, readFrontierOf, type TreeEnd } from "./merkle-nodes.ts"
import type { StoredCheckpoint } from "./read-checkpoints.ts"
import { beginsWith, checkpointDiffers } from "./signed-past.ts"

type StoreNodes = (nodes: readonly MerkleNode[]) => Promise<void>

/**
 * Where the tree ends that the newest checkpoint signs. The frontier is what the stored nodes say, and gives the root that was signed; where nodes are missing it is what the events give.
 * @param last from readSignedPast; null: nothing was signed
 * @throws ChainBridgeError CHECKPOINT_DIFFERS when the log does not give the root that was signed last
 */
export async function readTreeEnd(
  db: Kysely<Database>,
  last: StoredCheckpoint | null,
  storeNodes?: StoreNodes,
): Promise<TreeEnd> {
  if (last === null) return emptyTree
  const { ledgerId, treeSize, root, headHash } = last.checkpoint
  const size = Number(treeSize)
  const frontier =
    (await storedFrontier(db, ledgerId, size)) ??
    (await growTree(db, ledgerId, emptyTree, size, storeNodes)).frontier
  if (foldSubtrees(frontier).equals(root)) return { size, frontier, headHash }
  throw checkpointDiffers(
    ledgerId,
    `the first ${treeSize} events do not give the root that was signed for them`,
  )
}

/**
 * The same at any size: proven by the newest checkpoint that is behind it, or grown from the one that is before it.
 * @throws ChainBridgeError CHECKPOINT_DIFFERS
 */
export async function readTreeEndAt(
  db: Kysely<Database>,
  ledgerId: string,
  last: StoredCheckpoint | null,
  size: number,
): Promise<TreeEnd> {
  if (size === 0) return emptyTree
  if (last === null || BigInt(size) >= last.checkpoint.treeSize)
    return growTree(db, ledgerId, await readTreeEnd(db, last), size)
  const frontier = await readFrontierOf(db, ledgerId, size)
  const signed = { treeSize: BigInt(size), root: foldSubtrees(frontier) }
  if (!(await beginsWith(db, last.checkpoint, signed)))
    throw checkpointDiffers(
      ledgerId,
      `the first ${size} events are not the beginning of what was signed of ${last.checkpoint.treeSize}`,
    )
  const { rows } = await sql<{ hash: Buffer }>`
    SELECT hash FROM ledger.event_log WHERE ledger_id = ${ledgerId} AND position = ${size}`.execute(db)
  return { size, frontier, headHash: rows[0]?.hash ?? emptyTree.headHash }
}

async function storedFrontier(
  db: Kysely<Database>,
  ledgerId: string,
  size: number,
): Promise<Buffer[] | null> {
  try {
    return await readFrontierOf(db, ledgerId, size)
  } catch (error) {
    if (error instanceof ChainBridgeError && error.code === "MERKLE_NODES_MISSING") return null
    throw error
  }
}
