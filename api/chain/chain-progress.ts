import type { Kysely } from "kysely"
import { indexerProgress } from "../../ledger/confirmations/indexer-progress.ts"
import type { Database } from "../../ledger/store/database.ts"
import { describeError } from "../../platform/errors.ts"
import type { Logger } from "../../platform/logger.ts"
import type { ChainReader } from "../context.ts"
import { within } from "./within.ts"

const headTimeoutMs = 3_000

/** How far a chain is and how far it is confirmed, as of the last measurement. */
export type ChainProgress = {
  /** Newest block that an endpoint named; null where none answered. */
  readonly headBlock: bigint | null
  /** Newest block that the indexer has finished; null where it has none to show. */
  readonly indexedBlock: bigint | null
  /** Last block whose logs are in the ledger; null before the first. */
  readonly confirmedBlock: bigint | null
  readonly confirmedBlockTime: Date | null
  readonly measuredAt: Date
}

export type ChainProgressBoard = {
  /** Never waits; undefined before the first measurement. */
  progressOf(chainId: bigint): ChainProgress | undefined
  /** Measures all chains of the registry, unless that was done a moment ago. */
  refresh(): Promise<void>
}

/** Heads and cursors, measured in the background when somebody asks and they have aged. */
export function createChainProgressBoard(options: {
  readonly db: Kysely<Database>
  readonly rpc: ChainReader | undefined
  readonly logger: Logger
  readonly maxAgeMs: number
}): ChainProgressBoard {
  const { db, rpc, logger, maxAgeMs } = options
  let chains = new Map<bigint, ChainProgress>()
  let measuredAt = Number.NEGATIVE_INFINITY
  let measuring: Promise<void> | undefined

  async function measure(): Promise<void> {
    const rows = await db
      .selectFrom("registry.chains as c")
      .leftJoin("ledger.chain_cursors as k", "k.chain_id", "c.chain_id")
      .select(["c.chain_id", "k.block_number", "k.block_time"])
      .execute()
    const [heads, indexed] = await Promise.all([
      Promise.all(rows.map((row) => readHead(row.chain_id))),
      Promise.all(rows.map((row) => readIndexed(row.chain_id))),
    ])
    const now = new Date()
    chains = new Map(
      rows.map((row, index) => [
        row.chain_id,
        {
          headBlock: heads[index] ?? null,
          indexedBlock: indexed[index] ?? null,
          confirmedBlock: row.block_number,
          confirmedBlockTime: row.block_time,
          measuredAt: now,
        },
      ]),
    )
  }

  async function readHead(chainId: bigint): Promise<bigint | null> {
    try {
      return rpc === undefined ? null : await within(rpc.headBlock(chainId), headTimeoutMs)
    } catch (error) {
      logger.debug({ chain_id: chainId.toString(), reason: describeError(error) }, "a head is not known")
      return null
    }
  }

  async function readIndexed(chainId: bigint): Promise<bigint | null> {
    const progress = await indexerProgress(db, Number(chainId))
    return progress === null || "unavailable" in progress ? null : progress.blockNumber
  }

  function refresh(): Promise<void> {
    if (measuring === undefined && performance.now() - measuredAt <= maxAgeMs) return Promise.resolve()
    measuredAt = performance.now()
    measuring ??= measure().finally(() => {
      measuring = undefined
    })
    return measuring
  }

  return {
    progressOf(chainId) {
      refresh().catch((error: unknown) =>
        logger.warn({ reason: describeError(error) }, "the chains' progress could not be measured"),
      )
      return chains.get(chainId)
    },
    refresh,
  }
}
