import type { Kysely } from "kysely"
import type { Database } from "../ledger/store/database.ts"
import type { Logger } from "../platform/logger.ts"
import type { ChainClient } from "../platform/rpc/chain-client.ts"
import { createFeeGauge } from "./chain/fee-gauge.ts"
import { readFeeMarket } from "./chain/read-fee-market.ts"
import type { Signer } from "./chain/signer.ts"
import type { FeeReading } from "./domain/congestion.ts"

/**
 * Moments between two commits, for tests that end the process there.
 * `sealed` `simulated` `reserved`: right after that commit · `signed`: signed in memory, nothing saved · `saved`: bytes committed, nothing sent ·
 * `broadcast`: sent, the commit that says so not made · `mined`: receipt read, the commit that says so not made ·
 * `replaced`: a second transaction for a nonce, with higher fees, is committed and not sent
 */
export const batcherSteps = [
  "sealed",
  "simulated",
  "reserved",
  "signed",
  "saved",
  "broadcast",
  "mined",
  "replaced",
] as const
export type BatcherStep = (typeof batcherSteps)[number]

/** Those that every call comes by; to the others it takes a chain that does not take what it is sent. */
export const stepsOfEveryCall: readonly BatcherStep[] = batcherSteps.filter((step) => step !== "replaced")

/** At least one signer, each with another address. */
export type BatcherChain = { readonly client: ChainClient; readonly signers: readonly Signer[] }

export type BatcherContext = {
  readonly db: Kysely<Database>
  /** For the connection that listens: see PoolOptions. */
  readonly databaseUrl: string
  readonly logger: Logger
  /** By chain id: the chains that this process settles on. */
  readonly chains: ReadonlyMap<bigint, BatcherChain>
  /** A uuid of this process; owner of its leases. */
  readonly processId: string
  /** Absent in production wiring. */
  readonly onStep?: (step: BatcherStep) => void | Promise<void>
  readonly now?: () => Date
  readonly limits?: Partial<BatcherLimits>
}

export type BatcherLimits = {
  /** A lease that is not renewed for this long may be taken over. */
  readonly leaseMs: number
  /** Events that one transaction of the intake reads. */
  readonly intakePageEvents: number
  /** Waiting changes that one fold looks at: the more, the more of an account's changes become one. */
  readonly foldPageChanges: number
  /** Batches of a lane that may be sealed and not mined. More are sealed when half of them are. */
  readonly laneInFlightMax: number
  /** Nonces of a signer that may be reserved and not mined. Nodes keep few transactions per sender. */
  readonly signerInFlightMax: number
  /** Anchors that may be so on top of them, so that they take no batch's place. */
  readonly signerAnchorsInFlightMax: number
  /** Batches that one turn of a signer's desk looks at, and anchors. */
  readonly deskPageBatches: number
  /** How often a transaction that is not mined is sent again. */
  readonly rebroadcastMs: number
  /** How long nothing may be sent because the chain asks for more than `max_fee`, before there is an alarm. */
  readonly feeCapAlarmMs: number
  /** Look again at least this often, whatever notifications say. */
  readonly fallbackPollMs: number
  /** After this long without anybody who works with a signer, what it has reserved and not signed is given to others. */
  readonly orphanMs: number
  /** How often a lease that somebody else holds is asked for. */
  readonly leasePollMs: number
  /** Age at which what single calls cost is measured again. */
  readonly calibrationIntervalMs: number
  /** How often a token is looked at for another code. */
  readonly calibrationCheckMs: number
  /** An alarm is raised when a signer's coins pay for fewer batches than this, at what the last ones cost. */
  readonly lowBalanceBatches: number
  /** The same of a treasury's tokens, at what the last batches paid. */
  readonly lowTreasuryBatches: number
}

const defaultBatcherLimits: BatcherLimits = {
  leaseMs: 10_000,
  intakePageEvents: 5_000,
  foldPageChanges: 100_000,
  laneInFlightMax: 64,
  signerInFlightMax: 16,
  signerAnchorsInFlightMax: 2,
  deskPageBatches: 500,
  rebroadcastMs: 15_000,
  feeCapAlarmMs: 600_000,
  fallbackPollMs: 5_000,
  orphanMs: 60_000,
  leasePollMs: 1_000,
  calibrationIntervalMs: 21_600_000,
  calibrationCheckMs: 60_000,
  lowBalanceBatches: 50,
  lowTreasuryBatches: 10,
}

/** The context with everything optional settled; what the batcher's rooms pass around. */
export type Batcher = {
  readonly db: Kysely<Database>
  readonly databaseUrl: string
  readonly logger: Logger
  readonly chains: ReadonlyMap<bigint, BatcherChain>
  readonly processId: string
  readonly limits: BatcherLimits
  readonly now: () => Date
  /** What the chain's newest blocks cost, as of a moment ago; null where that is not known. */
  readonly readFees: (chainId: bigint, blockTimeMs: number) => Promise<FeeReading | null>
  readonly step: (step: BatcherStep) => Promise<void>
}

export function createBatcher(context: BatcherContext): Batcher {
  const { logger } = context
  const gauges = new Map(
    [...context.chains].map(([chainId, { client }]) => [
      chainId,
      createFeeGauge({ measure: () => readFeeMarket(client), logger }),
    ]),
  )
  return {
    db: context.db,
    databaseUrl: context.databaseUrl,
    logger,
    chains: context.chains,
    processId: context.processId,
    limits: { ...defaultBatcherLimits, ...context.limits },
    now: context.now ?? (() => new Date()),
    readFees: async (chainId, blockTimeMs) => (await gauges.get(chainId)?.read(blockTimeMs)) ?? null,
    step: async (step) => context.onStep?.(step),
  }
}
