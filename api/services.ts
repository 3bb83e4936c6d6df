import type { Kysely } from "kysely"
import { registryChangedChannel } from "../ledger/store/channels.ts"
import type { Database } from "../ledger/store/database.ts"
import { watchPausedCopies } from "../ledger/writer/watch-paused-copies.ts"
import { warmUpWriterPool } from "../ledger/writer/writer-pool.ts"
import { describeError } from "../platform/errors.ts"
import { listen } from "../platform/listen.ts"
import type { Logger } from "../platform/logger.ts"
import type { Loop } from "../platform/loop.ts"
import { type ChainProgressBoard, createChainProgressBoard } from "./chain/chain-progress.ts"
import type { ApiContext, ChainReader } from "./context.ts"
import { createLedgerWriters, type LedgerWriters } from "./ledger/ledger-writers.ts"
import { type ApiLimits, defaultApiLimits } from "./limits.ts"
import { type ApiKeys, createApiKeys } from "./registry/api-keys.ts"
import { createRegistryCache, type RegistryCache } from "./registry/registry-cache.ts"
import { createLaneBoard, type LaneBoard } from "./settlement/lane-figures.ts"

/** What the routes share. Nothing in here has to survive the process. */
export type Services = {
  readonly db: Kysely<Database>
  readonly logger: Logger
  readonly version: string
  readonly startedAt: Date
  readonly limits: ApiLimits
  readonly registry: RegistryCache
  readonly keys: ApiKeys
  readonly writers: LedgerWriters
  readonly lanes: LaneBoard
  readonly chains: ChainProgressBoard
  readonly rpc: ChainReader | undefined
  isStopping: boolean
  /** Loads what the first request would wait for, and listens for changes. */
  start(): Promise<void>
  stop(): Promise<void>
}

export function createServices(context: ApiContext): Services {
  const { db, logger } = context
  const limits = { ...defaultApiLimits, ...context.limits }
  const registry = createRegistryCache({ db, logger, maxAgeMs: limits.registryMaxAgeMs })
  const keys = createApiKeys({
    db,
    logger,
    maxAgeMs: limits.keyMaxAgeMs,
    cachedMax: limits.keysCachedMax,
  })
  const lanes = createLaneBoard({ db, logger, maxAgeMs: limits.laneMaxAgeMs })
  const chains = createChainProgressBoard({ db, rpc: context.rpc, logger, maxAgeMs: limits.laneMaxAgeMs })
  const writers = createLedgerWriters({ db, writerPool: context.writerPool, logger })
  let listener: { stop(): Promise<void> } | undefined
  let pausedCopies: Loop | undefined

  function onRegistryChange(): void {
    keys.clear()
    registry
      .reload()
      .catch((error: unknown) =>
        logger.warn({ reason: describeError(error) }, "the registry could not be loaded again"),
      )
  }

  return {
    db,
    logger,
    version: context.version,
    startedAt: new Date(),
    limits,
    registry,
    keys,
    writers,
    lanes,
    chains,
    rpc: context.rpc,
    isStopping: false,
    async start() {
      await Promise.all([
        registry.reload(),
        lanes.refresh(),
        // A chain that does not answer keeps nobody from starting.
        chains.whenCurrent(),
        warmUpWriterPool(context.writerPool),
      ])
      pausedCopies = watchPausedCopies({ db, logger })
      const { databaseUrl } = context
      if (databaseUrl !== undefined)
        listener = listen({
          databaseUrl,
          applicationName: "chainbridge-api-listen",
          channels: [registryChangedChannel],
          logger,
          onNotification: onRegistryChange,
        })
    },
    async stop() {
      this.isStopping = true
      await Promise.all([listener?.stop(), writers.stop(), pausedCopies?.stop()])
    },
  }
}
