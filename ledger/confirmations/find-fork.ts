import { type Kysely, sql } from "kysely"
import type { Database } from "../store/database.ts"
import type { ChainBlock, ChainView } from "./chain-view.ts"

export type Fork =
  /** The newest block that the ledger knows and the chain still has; every block of ours above it is not part of the chain. */
  | { readonly outcome: "common"; readonly common: ChainBlock }
  /** The chain ends below the next block that we know, and has not said otherwise so far: its endpoints may only be behind. */
  | { readonly outcome: "behind"; readonly missing: bigint }
  /** The chain has none of the blocks that we know. */
  | { readonly outcome: "none" }

type Point = { readonly blockNumber: bigint; readonly blockHash: string }

/**
 * Where the chain left what was confirmed. What we know of it are the points where the cursor stood, the newest ones of which are remembered, and the block of every confirmation
 * that stands: however deep a reorganisation goes, no confirmation is below all of them.
 * @throws ChainBridgeError RPC_UNAVAILABLE, RPC_DISAGREEMENT
 */
export async function findFork(db: Kysely<Database>, view: ChainView, chainId: number): Promise<Fork> {
  const remembered = await pointsOf(db, chainId)
  const [oldest] = remembered
  if (oldest === undefined) return { outcome: "none" }
  const isBelow = await isCanonical(view, oldest)
  // Far down there is nothing to be found in most cases, and much to be read.
  const confirmed = await confirmedBlocks(db, chainId, isBelow ? oldest.blockNumber : null)
  const points = [...remembered, ...confirmed].sort((a, b) => (a.blockNumber < b.blockNumber ? -1 : 1))
  const known = await countCanonical(view, points)
  const first = points[known]
  const last = points[known - 1]
  // Its block being another one proves that all of ours from there on are gone, also where the chain is too short by now to have blocks of their height.
  if (first !== undefined && (await view.block(first.blockNumber)) === null)
    return { outcome: "behind", missing: first.blockNumber }
  const common = last === undefined ? null : await view.block(last.blockNumber)
  if (last === undefined || common === null) return { outcome: "none" }
  // It was canonical a moment ago: the chain is being reorganised while we look.
  if (common.hash !== last.blockHash) return { outcome: "behind", missing: last.blockNumber }
  return { outcome: "common", common }
}

/** Canonical are all points up to some place, and none behind it. */
async function countCanonical(view: ChainView, points: readonly Point[]): Promise<number> {
  let from = 0
  let to = points.length
  while (from < to) {
    const middle = Math.floor((from + to) / 2)
    const point = points[middle]
    if (point !== undefined && (await isCanonical(view, point))) from = middle + 1
    else to = middle
  }
  return from
}

async function isCanonical(view: ChainView, { blockNumber, blockHash }: Point): Promise<boolean> {
  return (await view.block(blockNumber))?.hash === blockHash
}

async function pointsOf(db: Kysely<Database>, chainId: number): Promise<Point[]> {
  const { rows } = await sql<{ block_number: bigint; block_hash: string }>`
    SELECT block_number, block_hash FROM ledger.confirmed_blocks WHERE chain_id = ${chainId}
    UNION SELECT block_number, block_hash FROM ledger.chain_cursors WHERE chain_id = ${chainId}
    ORDER BY block_number`.execute(db)
  return rows.map((row) => ({ blockNumber: row.block_number, blockHash: row.block_hash }))
}

async function confirmedBlocks(
  db: Kysely<Database>,
  chainId: number,
  above: bigint | null,
): Promise<Point[]> {
  const { rows } = await sql<{ block_number: bigint; block_hash: string }>`
    SELECT DISTINCT block_number, block_hash FROM ledger.confirmations
    WHERE chain_id = ${chainId} AND revoked_position IS NULL AND block_number > ${above ?? -1n}`.execute(db)
  return rows.map((row) => ({ blockNumber: row.block_number, blockHash: row.block_hash }))
}
