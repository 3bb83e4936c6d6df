import { type Kysely, sql, type Transaction } from "kysely"
import type { Database } from "../store/database.ts"
import { type IndexerUnavailable, whenIndexed } from "./indexer-unavailable.ts"

/**
 * A block of the indexer's fork up to which every log is in its tables. That fork is the chain's only if the
 * endpoints name the same hash at this number. `blockTime` is in unix seconds.
 */
export type IndexerHead = {
  readonly blockNumber: bigint
  readonly blockHash: string
  readonly blockTime: number
}

/**
 * How far the indexer is, from its own transactions. Ponder's checkpoint is no substitute: it names no hash, and
 * stays where it was when rows are taken back.
 * @returns null before the indexer has reached the tip of this chain for the first time
 */
export function indexerProgress(
  db: Kysely<Database>,
  chainId: number,
): Promise<IndexerHead | null | IndexerUnavailable> {
  return whenIndexed(() => readIndexerHead(db, chainId))
}

/** The same inside of a transaction, whose snapshot it then shares with the rows that it vouches for. @throws what PostgreSQL says where there are no views */
export async function readIndexerHead(
  db: Kysely<Database> | Transaction<Database>,
  chainId: number,
): Promise<IndexerHead | null> {
  const { rows } = await sql<{ block_number: bigint; block_hash: string; block_time: bigint }>`
    SELECT block_number, block_hash, block_time FROM chain.head WHERE chain_id = ${chainId}`.execute(db)
  const [row] = rows
  if (row === undefined) return null
  return { blockNumber: row.block_number, blockHash: row.block_hash, blockTime: Number(row.block_time) }
}
