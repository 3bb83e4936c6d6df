import type { Kysely } from "kysely"
import { registryChangedChannel } from "../ledger/store/channels.ts"
import type { Database } from "../ledger/store/database.ts"
import { watchPausedCopies } from "../ledger/writer/watch-paused-copies.ts"
import { warmUpWriterPool } from "../ledger/writer/writer-pool.ts"
import type { AddressList } from "../platform/address-list.ts"
import { describeError } from "../platform/errors.ts"
import { listen } from "../platform/listen.ts"
import type { Logger } from "../platform/logger.ts"
import type { Loop } from "../platform/loop.ts"
import { createKysely, databaseUrlOf } from "../platform/postgres.ts"
import { createReadPool } from "./balances/read-pool.ts"
import { createUserBalances, type UserBalances } from "./balances/user-balances.ts"
import { type ChainProgressBoard, createChainProgressBoard } from "./chain/chain-progress.ts"
import type { ApiContext, ChainReader, RegistryChecks } from "./context.ts"
import { createIdentity, type Identity } from "./identity/identity.ts"
import { createPeople, type People } from "./identity/people.ts"
import { createLedgerWriters, type LedgerWriters } from "./ledger/ledger-writers.ts"
import { type ApiLimits, defaultApiLimits } from "./limits.ts"
import { createLiveFeed, type LiveFeed } from "./live/live-feed.ts"
import { createRateLimits, type RateLimits } from "./rate-limits/rate-limits.ts"
import { type ApiKeys, createApiKeys } from "./registry/api-keys.ts"
import { createRegistryCache, type RegistryCache } from "./registry/registry-cache.ts"
import { createLaneBoard, type LaneBoard } from "./settlement/lane-figures.ts"
import { createWebhookSettings, type WebhookSettings } from "./webhooks/webhook-settings.ts"

/** What the routes share. Nothing in here has to survive the process. */
export type Services = {
  readonly db: Kysely<Database>
  /** For what is read by a prepared query. */
  readonly reads: Kysely<Database>
  readonly logger: Logger
  readonly version: string
  readonly startedAt: Date
  readonly limits: ApiLimits
  readonly registry: RegistryCache
  readonly keys: ApiKeys
  readonly people: People
  /** How people sign in; null: nobody can. */
  readonly identity: Identity | null
  /** Whose X-Forwarded-For is believed; null: nobody's. */
  readonly trustedProxies: AddressList | null
  readonly writers: LedgerWriters
  readonly lanes: LaneBoard
  readonly chains: ChainProgressBoard
  readonly live: LiveFeed
  /** Ends what would go on for ever: called once, when the server stops. */
  readonly onStop: Set<() => void>
  readonly rpc: ChainReader | undefined
  readonly checks: RegistryChecks | undefined
  readonly rateLimits: RateLimits
  readonly balances: UserBalances
  readonly webhooks: WebhookSettings
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
  const { trustedProxies = null } = context.identity ?? {}
  const identity = createIdentity(context.identity ?? {})
  const tokens = identity?.tokens ?? null
  const people = createPeople({ db, tokens, maxAgeMs: limits.keyMaxAgeMs, cachedMax: limits.keysCachedMax })
  const lanes = createLaneBoard({ db, logger, maxAgeMs: limits.laneMaxAgeMs })
  const chains = createChainProgressBoard({ db, rpc: context.rpc, logger, maxAgeMs: limits.laneMaxAgeMs })
  const writers = createLedgerWriters({ db, writerPool: context.writerPool, logger })
  const live = createLiveFeed({ db, databaseUrl: context.databaseUrl, registry, logger })
  const rateLimits = createRateLimits({
    db,
    logger,
    registry,
    redisUrl: context.redisUrl,
    bucketsMax: limits.keysCachedMax,
  })
  const databaseUrl = databaseUrlOf(db)
  // Two pools: pages of old events that come from the disk keep no balance waiting.
  const balancePool = createReadPool({
    ...{ databaseUrl, applicationName: "chainbridge-api-balances", connectionsMax: 3 },
  })
  const readPool = createReadPool({
    ...{ databaseUrl, applicationName: "chainbridge-api-reads", connectionsMax: 8 },
  })
  const reads = createKysely<Database>(readPool)
  const balances = createUserBalances({ pool: balancePool, usersMax: limits.balancesCachedMax })
  let listener: { stop(): Promise<void> } | undefined
  let pausedCopies: Loop | undefined

  function onRegistryChange(): void {
    keys.clear()
    people.clear()
    registry
      .reload()
      .catch((error: unknown) =>
        logger.warn({ reason: describeError(error) }, "the registry could not be loaded again"),
      )
  }

  return {
    db,
    reads,
    logger,
    version: context.version,
    startedAt: new Date(),
    limits,
    registry,
    keys,
    people,
    identity,
    trustedProxies,
    writers,
    lanes,
    chains,
    live,
    onStop: new Set(),
    rpc: context.rpc,
    checks: context.checks,
    rateLimits,
    balances,
    webhooks: createWebhookSettings(context.webhooks ?? {}),
    isStopping: false,
    async start() {
      await Promise.all([
        registry.reload(),
        lanes.refresh(),
        // A chain that does not answer keeps nobody from starting.
        chains.whenCurrent(),
        warmUpWriterPool(context.writerPool),
        rateLimits.start(),
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
      rateLimits.stop()
      await Promise.all([listener?.stop(), live.stop(), writers.stop(), pausedCopies?.stop()])
      await Promise.all([balancePool.end(), readPool.end()])
    },
  }
}
