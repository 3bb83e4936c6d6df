import { z } from "@hono/zod-openapi"
import type { ChainProgress } from "../chain/chain-progress.ts"
import type { LedgerMetrics, WebhookFigures } from "../queries/health.ts"
import type { RegisteredChain } from "../registry/registry-snapshot.ts"
import { timeAnswer } from "../validation/schemas.ts"
import { blocksBehind, secondsSince } from "./balance.ts"
import { laneHealthSchema } from "./lane.ts"
import { projectionHealthSchema } from "./projection-health.ts"
import { signerHealthSchema } from "./signer.ts"

const conditionSchema = z.enum(["healthy", "degraded", "unhealthy", "not_configured"])
export type Condition = z.infer<typeof conditionSchema>

const chainHealthSchema = z.object({
  status: conditionSchema,
  chain_id: z.int(),
  head_block: z.int().nullable(),
  confirmed_block: z.int().nullable(),
  head_lag: z.int().nullable().openapi({ description: "Blocks from the confirmed one to the head" }),
  sync_lag: z.number().nullable().openapi({ description: "Age of the confirmed block in seconds" }),
})

const webhookHealthSchema = z.object({
  enabled: z.int(),
  failing: z.int().openapi({ description: "Enabled ones whose last attempt has failed" }),
  disabled: z.int(),
  dead_letters: z.int(),
  undelivered_seconds: z
    .number()
    .nullable()
    .openapi({ description: "Age of the oldest event that an enabled webhook is not through with" }),
})

export const healthSchema = z.object({
  status: conditionSchema,
  version: z.string(),
  uptime: z.int().openapi({ description: "Seconds since this process began to serve" }),
  components: z.object({
    database: conditionSchema,
    redis: conditionSchema,
    api: conditionSchema,
    indexer: conditionSchema,
    worker: conditionSchema,
    batcher: conditionSchema,
    checkpoints: conditionSchema.openapi({
      description: "Signing of the audit log; `not_configured`: no worker has a key",
    }),
    projections: conditionSchema.openapi({
      description: "Read models; `not_configured`: no worker has begun any",
    }),
    chains: z.record(z.string(), chainHealthSchema),
  }),
  projections: z.array(projectionHealthSchema).nullable().openapi({ description: "Only with a key" }),
  signers: z.array(signerHealthSchema).nullable().openapi({ description: "Who settles; null without a key" }),
  lanes: z
    .array(laneHealthSchema)
    .nullable()
    .openapi({ description: "Settlement of each token, and why it is paused; only with a key" }),
  open_alarms: z.int().nullable(),
  alarms: z
    .array(z.object({ kind: z.string(), subject: z.string(), message: z.string(), raised_at: timeAnswer }))
    .nullable()
    .openapi({ description: "Only with a key" }),
  webhooks: webhookHealthSchema
    .nullable()
    .openapi({ description: "Of the key's ledger; null without a key" }),
  performance_metrics: z
    .object({
      pending_transactions: z.int().openapi({
        description:
          "Changes that are not confirmed, in a batch or waiting for one; of what the batcher has not taken in yet 20,000 events are looked at",
      }),
      pending_batches: z.int().openapi({ description: "Batches under way" }),
      average_batch_size: z
        .number()
        .nullable()
        .openapi({ description: "Recipients, of the batches sealed in 24 hours" }),
      current_efficiency: z.number().nullable().openapi({
        description:
          "Percent of gas saved against one single call for each recipient, of the measured batches sealed in 24 hours",
      }),
      success_rate_24h: z
        .number()
        .nullable()
        .openapi({ description: "Percent of the batches that are over which were confirmed" }),
      average_confirmation_time: z
        .number()
        .nullable()
        .openapi({ description: "Seconds from the broadcast to the confirmation" }),
      gas_used_24h: z.int().nullable().openapi({ description: "By all batches sealed in 24 hours" }),
      total_gas_saved_24h: z.number().nullable().openapi({
        description:
          "Against one single call for each change, as `per_change` of `/gas/savings`; of the measured batches sealed in 24 hours",
      }),
    })
    .nullable()
    .openapi({ description: "Of the key's ledger; null without a key" }),
  cpop_metrics: z
    .object({
      batch_operations_24h: z.int(),
      mint_efficiency_avg: z.number().nullable(),
      burn_efficiency_avg: z.number().nullable(),
      transfer_efficiency_avg: z.number().nullable(),
      master_aggregator_usage: z.number().nullable(),
    })
    .nullable(),
})

type Health = z.infer<typeof healthSchema>

/** A role that said nothing for this long is taken for dead. */
export const heartbeatAgeMsMax = 10_000
/** Beyond its confirmation depth a chain may be this much ahead of the ledger. */
const lagMsMax = 120_000
/** The indexer may be this much behind the chain: it polls, and a reorganisation takes it back for a moment. */
const indexerLagMsMax = 30_000
/** A head that was read longer ago says nothing about the chain of today. */
const measuredAgeMsMax = 15_000

export function roleCondition(ageMs: number | undefined): Condition {
  return ageMs !== undefined && ageMs <= heartbeatAgeMsMax ? "healthy" : "unhealthy"
}

/** @param states what each living worker says of its checkpoints */
export function checkpointCondition(states: readonly string[]): Condition {
  if (states.includes("failing")) return "degraded"
  if (states.includes("working")) return "healthy"
  return states.length === 0 ? "unhealthy" : "not_configured"
}

/**
 * The indexer has no heartbeat of its own. What it has finished of each chain says whether it works; the chain that is worst off counts.
 * `unhealthy`: it shows nothing of a chain; `degraded`: it is behind, or the chain's head is not known.
 */
export function indexerCondition(
  chains: readonly { readonly chain: RegisteredChain; readonly progress: ChainProgress | undefined }[],
  now: Date,
): Condition {
  if (chains.length === 0) return "not_configured"
  const conditions = chains.map(({ chain, progress }): Condition => {
    if (!isFresh(progress, now) || progress.indexedBlock === null) return "unhealthy"
    const lag = blocksBehind(progress.headBlock, progress.indexedBlock)
    return lag === null || lag > Math.ceil(indexerLagMsMax / chain.blockTimeMs) ? "degraded" : "healthy"
  })
  return (
    conditions.find((one) => one === "unhealthy") ?? conditions.find((one) => one === "degraded") ?? "healthy"
  )
}

function isFresh(progress: ChainProgress | undefined, now: Date): progress is ChainProgress {
  return progress !== undefined && now.getTime() - progress.measuredAt.getTime() <= measuredAgeMsMax
}

export function presentChainHealth(
  chain: RegisteredChain,
  progress: ChainProgress | undefined,
  now: Date,
): z.infer<typeof chainHealthSchema> {
  const head = isFresh(progress, now) ? progress.headBlock : null
  const confirmed = progress?.confirmedBlock ?? null
  const lag = blocksBehind(head, confirmed)
  const lagMax = chain.confirmationBlocks + Math.ceil(lagMsMax / chain.blockTimeMs)
  const isBehind = lag === null || lag > lagMax
  return {
    status: head === null ? "unhealthy" : isBehind ? "degraded" : "healthy",
    chain_id: Number(chain.chainId),
    head_block: head === null ? null : Number(head),
    confirmed_block: confirmed === null ? null : Number(confirmed),
    head_lag: lag,
    sync_lag: secondsSince(progress?.confirmedBlockTime ?? null, now),
  }
}

export function presentWebhookHealth(figures: WebhookFigures): z.infer<typeof webhookHealthSchema> {
  return {
    enabled: Number(figures.enabled),
    failing: Number(figures.failing),
    disabled: Number(figures.disabled),
    dead_letters: Number(figures.dead_letters),
    undelivered_seconds: round(figures.undelivered_seconds),
  }
}

/** An efficiency or a saving is null where nothing was measured that it could be compared with. */
export function presentMetrics(
  metrics: LedgerMetrics | undefined,
): Pick<Health, "performance_metrics" | "cpop_metrics"> {
  if (metrics === undefined) return { performance_metrics: null, cpop_metrics: null }
  return {
    performance_metrics: {
      pending_transactions: Number(metrics.pending_changes),
      pending_batches: Number(metrics.open_batches),
      average_batch_size: round(metrics.average_batch_size),
      current_efficiency: round(metrics.efficiency),
      success_rate_24h: round(metrics.success_rate_24h),
      average_confirmation_time: round(metrics.average_confirmation_seconds),
      gas_used_24h: metrics.gas_used_24h === null ? null : Number(metrics.gas_used_24h),
      total_gas_saved_24h: metrics.gas_saved_24h === null ? null : Number(metrics.gas_saved_24h),
    },
    cpop_metrics: {
      batch_operations_24h: Number(metrics.batches_24h),
      mint_efficiency_avg: round(metrics.mint_efficiency),
      burn_efficiency_avg: round(metrics.burn_efficiency),
      transfer_efficiency_avg: null,
      master_aggregator_usage: null,
    },
  }
}

export function overallCondition(components: Health["components"], openAlarms: number | null): Condition {
  if (components.database !== "healthy") return "unhealthy"
  const { chains, ...others } = components
  const conditions = [...Object.values(others), ...Object.values(chains).map((chain) => chain.status)]
  const isWell = conditions.every((condition) => condition === "healthy" || condition === "not_configured")
  return isWell && openAlarms === 0 ? "healthy" : "degraded"
}

function round(value: number | null): number | null {
  return value === null ? null : Math.round(value * 100) / 100
}
