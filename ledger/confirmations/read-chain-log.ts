import { type Kysely, sql } from "kysely"
import { z } from "zod"
import { ChainBridgeError } from "../../platform/errors.ts"
import type { ChainLog } from "../domain/chain-log.ts"
import type { Database } from "../store/database.ts"
import type { IndexerHead } from "./indexer-progress.ts"
import { type IndexerUnavailable, whenIndexed } from "./indexer-unavailable.ts"

export type ChainLogRange = {
  readonly chainId: number
  readonly fromBlock: bigint
  /** Inclusive. */
  readonly toBlock: bigint
  /** Wanted number of logs. The block that reaches it is read to its end, so a page may be longer. */
  readonly limit: number
}

export type ChainLogPage = {
  /** In the order of the chain. */
  readonly logs: readonly ChainLog[]
  /** Every log of `fromBlock` … `throughBlock` is in `logs`; below `fromBlock` when nothing of the range is indexed. */
  readonly throughBlock: bigint
  /** What the indexer had finished when the logs were read: they are canonical if the endpoints know this hash. */
  readonly head: IndexerHead
}

const address = z.string().regex(/^0x[0-9a-f]{40}$/)
const hash = z.string().regex(/^0x[0-9a-f]{64}$/)
const amount = z
  .string()
  .regex(/^\d{1,78}$/)
  .transform(BigInt)

const place = {
  address,
  blockNumber: z.bigint(),
  blockHash: hash,
  blockTime: z.bigint().transform(Number),
  transactionHash: hash,
  logIndex: z.int().nonnegative(),
}

const logSchema = z.discriminatedUnion("kind", [
  z.object({
    ...place,
    kind: z.literal("Transfer"),
    args: z.object({ from: address, to: address, value: amount }),
  }),
  z.object({
    ...place,
    kind: z.literal("BatchSettled"),
    args: z.object({ batchId: amount, contentHash: hash, minted: amount, burned: amount }),
  }),
  z.object({
    ...place,
    kind: z.literal("DebitSkipped"),
    args: z.object({ batchId: amount, account: address, amount, balance: amount }),
  }),
  z.object({ ...place, kind: z.literal("BatchCancelled"), args: z.object({ batchId: amount }) }),
  z.object({
    ...place,
    kind: z.literal("CheckpointAnchored"),
    args: z.object({ ledgerId: hash, treeSize: amount, root: hash }),
  }),
])

type Row = {
  head_number: bigint
  head_hash: string
  head_time: bigint
  /** The end of the range, as far as it is indexed. */
  end_number: bigint
  kind: string | null
}

/**
 * A page of the indexer's logs, in whole blocks, with the head that vouches for them: one statement, so one snapshot.
 * @throws ChainBridgeError INDEXER_ROW_INVALID where a row is not what the indexer writes
 */
export function readChainLog(
  db: Kysely<Database>,
  range: ChainLogRange,
): Promise<ChainLogPage | IndexerUnavailable> {
  return whenIndexed(async () => {
    const { chainId, fromBlock, toBlock, limit } = range
    const { rows } = await sql<Row>`
      WITH candidates AS NOT MATERIALIZED (
        SELECT kind, address, block_number, block_hash, block_time, transaction_hash, log_index, args
        FROM chain.log WHERE chain_id = ${chainId} AND block_number BETWEEN ${fromBlock} AND ${toBlock}
      ), head AS MATERIALIZED (
        SELECT block_number, block_hash, block_time FROM chain.head WHERE chain_id = ${chainId}
      ), last AS MATERIALIZED (
        SELECT block_number FROM candidates ORDER BY block_number, log_index OFFSET ${limit - 1} LIMIT 1
      )
      SELECT head.block_number AS head_number, head.block_hash AS head_hash, head.block_time AS head_time,
        LEAST(head.block_number, ${toBlock}::bigint) AS end_number,
        page.kind, page.address, page.block_number AS "blockNumber", page.block_hash AS "blockHash",
        page.block_time AS "blockTime", page.transaction_hash AS "transactionHash",
        page.log_index AS "logIndex", page.args
      FROM head LEFT JOIN LATERAL (
        SELECT * FROM candidates
        WHERE block_number <= LEAST(head.block_number, (SELECT block_number FROM last))
        ORDER BY block_number, log_index
      ) page ON true
      ORDER BY page.block_number, page.log_index`.execute(db)
    const first = rows[0]
    if (first === undefined) return { unavailable: "the indexer has not reached the tip of the chain yet" }
    const head = {
      blockNumber: first.head_number,
      blockHash: first.head_hash,
      blockTime: Number(first.head_time),
    }
    const logs = rows.filter((row) => row.kind !== null).map((row) => parseLog(chainId, row))
    const last = logs.length < limit ? undefined : logs.at(-1)
    return { logs, throughBlock: last?.blockNumber ?? first.end_number, head }
  })
}

function parseLog(chainId: number, row: unknown): ChainLog {
  const parsed = logSchema.safeParse(row)
  if (!parsed.success) {
    throw new ChainBridgeError(
      "INDEXER_ROW_INVALID",
      `a log of chain ${chainId} is not as the indexer writes it`,
      { cause: parsed.error },
    )
  }
  return { chainId, ...parsed.data }
}
