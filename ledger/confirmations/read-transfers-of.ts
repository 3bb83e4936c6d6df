import { type Kysely, sql } from "kysely"
import type { ChainLogOf } from "../domain/chain-log.ts"
import { batchIdHex } from "../domain/decide-confirmations.ts"
import type { Database } from "../store/database.ts"
import { type IndexerUnavailable, whenIndexed } from "./indexer-unavailable.ts"
import { loadTokensOfBatches } from "./load-ownership.ts"

export type TransfersAndHead = {
  readonly transfers: readonly ChainLogOf<"Transfer">[]
  readonly head: {
    readonly blockNumber: bigint
    readonly blockHash: string
    /** Whose logs the indexer reads. */
    readonly tokens: readonly string[]
  } | null
}

type Row = {
  head_number: bigint | null
  head_hash: string | null
  head_tokens: string[] | null
  token: string
  block_number: bigint
  block_hash: string
  block_time: bigint
  transaction_hash: string
  log_index: number | null
  from: string
  to: string
  amount: bigint
  token_id: number | null
  /** What the token's treasury settled in the same transaction, of this token or of another one that it pays out. */
  treasury_batches: string[] | null
}

/**
 * Transfers of these addresses up to a block, without those of transactions that settled a batch of their own token (or one that nobody here knows, from its treasury), together with the
 * indexer's head: one statement, so that both belong to the same moment.
 */
export async function readTransfersOf(
  db: Kysely<Database>,
  range: { readonly chainId: number; readonly toBlock: bigint; readonly addresses: readonly string[] },
): Promise<TransfersAndHead | IndexerUnavailable> {
  return whenIndexed(() => read(db, range))
}

async function read(
  db: Kysely<Database>,
  range: { readonly chainId: number; readonly toBlock: bigint; readonly addresses: readonly string[] },
): Promise<TransfersAndHead> {
  const { rows } = await sql<Row>`
    SELECT h.block_number AS head_number, h.block_hash AS head_hash, h.tokens AS head_tokens, found.*
    FROM (SELECT ${range.chainId}::bigint AS chain_id) AS chain
    LEFT JOIN LATERAL (
      SELECT t.token, t.block_number, t.block_hash, t.block_time, t.transaction_hash, t.log_index, t."from", t."to", t.amount, r.token_id,
        ARRAY(
          SELECT b.batch_id::text FROM chain.batch_settled_event b
          WHERE b.chain_id = t.chain_id AND b.block_hash = t.block_hash AND b.transaction_hash = t.transaction_hash AND b.token = r.treasury
        ) AS treasury_batches
      FROM chain.transfer_event t
      LEFT JOIN registry.tokens r ON r.chain_id = t.chain_id AND r.token_address = t.token
      WHERE t.chain_id = chain.chain_id AND t.block_number <= ${range.toBlock}
        AND (t."from" = ANY(${range.addresses}::text[]) OR t."to" = ANY(${range.addresses}::text[]))
        AND NOT EXISTS (
          SELECT FROM chain.batch_settled_event b
          WHERE b.chain_id = t.chain_id AND b.block_hash = t.block_hash AND b.transaction_hash = t.transaction_hash AND b.token = t.token)
    ) AS found ON true
    LEFT JOIN chain.head h ON h.chain_id = chain.chain_id
    ORDER BY found.block_number, found.log_index`.execute(db)
  const treasuryBatches = new Set(rows.flatMap((row) => row.treasury_batches?.map(hexOf) ?? []))
  const tokenOfBatch = await loadTokensOfBatches(db, [...treasuryBatches])
  const isSettled = ({ treasury_batches: batches, token_id: tokenId }: Row) =>
    batches?.some((batchId) => (tokenOfBatch.get(hexOf(batchId)) ?? tokenId) === tokenId) === true
  const [first] = rows
  return {
    head:
      first === undefined || first.head_number === null || first.head_hash === null
        ? null
        : {
            blockNumber: first.head_number,
            blockHash: first.head_hash,
            tokens: first.head_tokens ?? [],
          },
    transfers: rows.flatMap((row) =>
      row.log_index === null || isSettled(row)
        ? []
        : [
            {
              kind: "Transfer" as const,
              chainId: range.chainId,
              address: row.token,
              blockNumber: row.block_number,
              blockHash: row.block_hash,
              blockTime: Number(row.block_time),
              transactionHash: row.transaction_hash,
              logIndex: row.log_index,
              args: { from: row.from, to: row.to, value: row.amount },
            },
          ],
    ),
  }
}

const hexOf = (batchId: string): string => batchIdHex(BigInt(batchId))
