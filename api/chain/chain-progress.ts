import type { Kysely } from "kysely"
import { indexerProgress } from "../../ledger/confirmations/indexer-progress.ts"
import type { Database } from "../../ledger/store/database.ts"
import { describeError } from "../../platform/errors.ts"
import type { Logger } from "../../platform/logger.ts"
import { createBackgroundMeasurement } from "../background-measurement.ts"
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
  /** Never waits; undefined where there is no recent measurement. */
  progressOf(chainId: bigint): ChainProgress | undefined
  /** Waits a short while where a measurement is too old to be shown. Never rejects. */
  whenCurrent(): Promise<void>
  /** Measures all chains of the registry, unless that was done a moment ago. */
  refresh(): Promise<void>
}

type Measured = { readonly progress: ChainProgress; readonly measuredAt: number }

/** Heads and cursors, measured in the background when somebody asks and they have aged. */
export function createChainProgressBoard(options: {
  readonly db: Kysely<Database>
  readonly rpc: ChainReader | undefined
  readonly logger: Logger
  readonly maxAgeMs: number
}): ChainProgressBoard {
  const { db, rpc, logger, maxAgeMs } = options
  const chains = new Map<bigint, Measured>()
  const measurement = createBackgroundMeasurement({
    measure,
    subject: "the chains' progress",
    logger,
    maxAgeMs,
  })

  async function measure(): Promise<void> {
    const rows = await db
      .selectFrom("registry.chains as c")
      .leftJoin("ledger.chain_cursors as k", "k.chain_id", "c.chain_id")
      .select(["c.chain_id", "k.block_number", "k.block_time"])
      .execute()
    const known = new Set(rows.map((row) => row.chain_id))
    for (const chainId of chains.keys()) if (!known.has(chainId)) chains.delete(chainId)
    await Promise.all(
      rows.map(async (row) => {
        const [headBlock, indexedBlock] = await Promise.all([
          readHead(row.chain_id),
          readIndexed(row.chain_id),
        ])
        // Each by itself: a chain that does not answer keeps no other one's figures back.
        chains.set(row.chain_id, {
          measuredAt: performance.now(),
          progress: {
            headBlock,
            indexedBlock,
            confirmedBlock: row.block_number,
            confirmedBlockTime: row.block_time,
            measuredAt: new Date(),
          },
        })
      }),
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

  return {
    progressOf(chainId) {
      measurement.ask()
      const found = chains.get(chainId)
      return found !== undefined && measurement.isCurrent(found.measuredAt) ? found.progress : undefined
    },
    async whenCurrent() {
      const isCurrent = [...chains.values()].every((one) => measurement.isCurrent(one.measuredAt))
      if (chains.size === 0 || !isCurrent) await measurement.wait()
    },
    refresh: measurement.refresh,
  }
}
