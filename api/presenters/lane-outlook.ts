import { z } from "@hono/zod-openapi"
import type { RegisteredToken } from "../registry/registry-snapshot.ts"
import { efficiencyTargetFor } from "../settlement/efficiency-target.ts"
import type { LaneFigures } from "../settlement/lane-figures.ts"
import { isoDuration } from "./iso-duration.ts"

export const blockchainSyncSchema = z.object({
  status: z.literal("pending"),
  will_be_batched: z.boolean().openapi({ description: "false: goes to the chain at once" }),
  current_batch_size: z.int().nullable().openapi({
    description:
      "Recipients that wait, as last measured, of 20,000 changes at most; null while nobody takes changes in",
  }),
  optimal_batch_size: z.int().nullable(),
  estimated_sync_time: z
    .string()
    .nullable()
    .openapi({ description: "ISO 8601 duration until the change is sealed at the latest", example: "PT5M" }),
  next_trigger: z.enum(["size", "max_wait_time", "priority"]).nullable(),
})

export type BlockchainSync = z.infer<typeof blockchainSyncSchema>

/** What a change adds to its lane. */
export type LaneAddition = {
  readonly token: RegisteredToken
  /** null where they are not known now. */
  readonly figures: LaneFigures | null
  /** Distinct users of the operation in this lane. */
  readonly recipients: number
  readonly isImmediate: boolean
  /** How long the change may wait at most, where the request says so. */
  readonly maxWaitMs: number | null
}

/** What to expect of the settlement of one operation, from configuration and measured figures; over several lanes only what is true of all of them. */
export function presentBlockchainSync(additions: readonly LaneAddition[], now: Date): BlockchainSync {
  const outlooks = additions.map((addition) => laneOutlook(addition, now))
  const [only] = outlooks
  if (only !== undefined && outlooks.length === 1) return only.sync
  const waits = outlooks.map((outlook) => outlook.waitMs)
  const longest = waits.some((wait) => wait === null) ? null : Math.max(...waits.map(Number))
  return {
    status: "pending",
    will_be_batched: outlooks.some((outlook) => outlook.sync.will_be_batched),
    current_batch_size: null,
    optimal_batch_size: null,
    estimated_sync_time: longest === null ? null : isoDuration(longest),
    next_trigger: null,
  }
}

function laneOutlook(addition: LaneAddition, now: Date): { sync: BlockchainSync; waitMs: number | null } {
  const { token, figures, isImmediate } = addition
  const { optimalBatchSize } = token.strategy
  const waits = [addition.maxWaitMs, token.strategy.maxWaitMs].filter((wait) => wait !== null)
  const waiting = figures?.waitingRecipients ?? null
  const untilDeadline =
    figures?.earliestDeadline == null ? null : figures.earliestDeadline.getTime() - now.getTime()
  // Whoever waits longest takes the others along. A paused lane seals nothing, and nobody knows until when.
  const isSealing = figures !== null && !figures.isPaused
  const limits = untilDeadline === null ? waits : [untilDeadline, ...waits]
  const soonest = limits.length === 0 ? null : Math.min(...limits)
  const waitMs = !isSealing ? null : isImmediate ? 0 : soonest
  const isFull = optimalBatchSize !== null && (waiting ?? 0) + addition.recipients >= optimalBatchSize
  return {
    waitMs,
    sync: {
      status: "pending",
      will_be_batched: !isImmediate,
      current_batch_size: waiting,
      optimal_batch_size: optimalBatchSize,
      estimated_sync_time: waitMs === null ? null : isoDuration(waitMs),
      next_trigger: isImmediate ? "priority" : isFull ? "size" : waiting === null ? null : "max_wait_time",
    },
  }
}

/** What to expect of the batch that takes the changes, by what the newest ones of the lane did; a figure that nobody has measured is null. */
export type BatchOutlook = {
  /** Percent saved against one single call for each recipient. */
  readonly expected_efficiency: number | null
  /** Gas: what the recipients of the operation save together. */
  readonly estimated_gas_savings: number | null
  /** ISO 8601 duration from the seal to the confirmation. */
  readonly estimated_processing_time: string | null
}

const nothingMeasured: BatchOutlook = {
  expected_efficiency: null,
  estimated_gas_savings: null,
  estimated_processing_time: null,
}

/** @returns undefined where nothing is known, so that nothing has to be kept; over several lanes there is no one figure */
export function batchOutlookOf(additions: readonly LaneAddition[]): BatchOutlook | undefined {
  const [only] = additions
  const recent = additions.length === 1 ? only?.figures?.recent : undefined
  if (only === undefined || recent == null) return undefined
  return {
    expected_efficiency: recent.savedPercent,
    estimated_gas_savings: Number(recent.gasSavedPerRecipient) * only.recipients,
    estimated_processing_time: isoDuration(recent.processingMs),
  }
}

/** The envelope's `batch_info` of a write. */
export function presentBatchInfo(
  sync: BlockchainSync,
  batchStrategy: string | null,
  outlook: BatchOutlook | undefined,
): object {
  return {
    will_be_batched: sync.will_be_batched,
    batch_id: null,
    current_batch_size: sync.current_batch_size,
    optimal_batch_size: sync.optimal_batch_size,
    batch_strategy: batchStrategy,
    estimated_batch_time: sync.estimated_sync_time,
    ...(outlook ?? nothingMeasured),
  }
}

/**
 * The envelope's `batch_info` of a read about one lane; null figures where it is about several, or where they are not known now. What a write is told of its own change has no meaning here, and how long the
 * next batch is away would be another answer at every moment: `next_batch_estimate` says when it is.
 */
export function presentReadBatchInfo(
  lane: { readonly token: RegisteredToken; readonly figures: LaneFigures | null } | undefined,
): object {
  const figures = lane?.figures
  const recent = figures?.recent ?? null
  const target = lane?.token.strategy.efficiencyTarget ?? null
  const waiting = figures?.waitingRecipients ?? null
  const changes = figures?.waitingChanges ?? 0
  const credits = figures?.waitingCredits ?? 0
  const isSealing = figures !== undefined && figures !== null && !figures.isPaused
  return {
    will_be_batched: null,
    batch_id: null,
    pending_operations: figures?.waitingChanges ?? null,
    current_batch_size: waiting,
    optimal_batch_size: lane?.token.strategy.optimalBatchSize ?? null,
    batch_strategy: lane?.token.strategy.name ?? null,
    estimated_batch_time: null,
    next_batch_estimate: isSealing ? (figures.earliestDeadline?.toISOString() ?? null) : null,
    estimated_processing_time: recent === null ? null : isoDuration(recent.processingMs),
    efficiency_target: efficiencyTargetFor(target, { credits, debits: changes - credits }),
    expected_efficiency: recent?.savedPercent ?? null,
    estimated_gas_savings:
      recent === null || waiting === null ? null : Number(recent.gasSavedPerRecipient) * waiting,
  }
}
