import { z } from "@hono/zod-openapi"
import { formatAmount } from "../../ledger/domain/amount.ts"
import { type BatchRow, batchStatuses, batchStatusOf } from "../queries/batches.ts"
import type { RegistrySnapshot } from "../registry/registry-snapshot.ts"
import { efficiencyTargetFor } from "../settlement/efficiency-target.ts"
import { amountAnswer, hashAnswer, timeAnswer } from "../validation/schemas.ts"
import { explorerUrl, tokenOf } from "./change.ts"
import { gasSavingSchema, presentGasSaving } from "./gas-saving.ts"

export const batchStatusSchema = z.enum(batchStatuses)

export const batchSchema = z.object({
  batch_id: hashAnswer,
  batch_sequence: z.string(),
  chain_id: z.int(),
  token_symbol: z.string(),
  batch_type: z.literal("adjust_balance"),
  status: batchStatusSchema,
  state: z.string().openapi({ description: "The finer state behind the status" }),
  trigger: z.string(),
  content_hash: hashAnswer,
  failures: z.int(),
  last_error: z.string().nullable(),
  cancel_requested_at: timeAnswer
    .nullable()
    .openapi({ description: "Since when it is being cancelled; null where nobody asked for that" }),
  batch_metrics: z.object({
    operation_count: z.int().openapi({ description: "Changes that were folded" }),
    optimal_batch_size: z.int().openapi({ description: "Recipients that were wanted" }),
    actual_batch_size: z.int().openapi({ description: "Recipients" }),
    efficiency_target: z
      .number()
      .nullable()
      .openapi({ description: "Percent, as configured for mints and burns, by how many it has of each" }),
    actual_efficiency: z
      .number()
      .nullable()
      .openapi({ description: "Percent saved against one single call for each recipient" }),
    batch_strategy: z.string(),
    congestion: z
      .enum(["low", "medium", "high"])
      .nullable()
      .openapi({ description: "Of the chain, when the batch was sealed; null where it was not measured" }),
  }),
  gas_analysis: z.object({
    estimated_gas_total: z.int().nullable(),
    actual_gas_used: z.int().nullable(),
    ...gasSavingSchema.shape,
    gas_saved_usd: z.null(),
    per_recipient: gasSavingSchema.openapi({
      description: "Like for like: against one single call for each recipient, without what netting saves",
    }),
    new_holders: z
      .int()
      .nullable()
      .openapi({ description: "Recipients that held nothing before: each needs a new slot" }),
    gas_per_recipient: z.int().nullable(),
    gas_per_change: z.int().nullable(),
    effective_gas_price: z.string().nullable().openapi({ description: "In wei" }),
    gas_fee: amountAnswer.nullable().openapi({ description: "In native coin" }),
  }),
  blockchain_info: z.object({
    tx_hash: hashAnswer.nullable(),
    block_number: z.int().nullable(),
    explorer_url: z.string().nullable(),
    created_at: timeAnswer,
    submitted_at: timeAnswer.nullable(),
    mined_at: timeAnswer.nullable(),
    confirmed_at: timeAnswer.nullable(),
    oldest_change_at: timeAnswer,
  }),
})

export const cpopInfoSchema = z.object({
  cpop_operation_type: z.enum(["batch_mint", "batch_burn", "settle"]),
  master_aggregator_used: z.boolean(),
  aggregator_savings: z.number().nullable(),
})

/** Settlement does not go through user operations, so there is nothing that an aggregator could save. */
export function presentCpopInfo(
  operationType: z.infer<typeof cpopInfoSchema>["cpop_operation_type"],
): z.infer<typeof cpopInfoSchema> {
  return { cpop_operation_type: operationType, master_aggregator_used: false, aggregator_savings: null }
}

/** What it saved is known when it is confirmed and accounted; without a measurement of single calls it stays null. */
export function presentBatch(registry: RegistrySnapshot, row: BatchRow): z.infer<typeof batchSchema> {
  const { symbol, chain, strategy } = tokenOf(registry, row.token_id)
  const recipients = row.settled ?? row.recipients
  const likeForLike = presentGasSaving(row.single_gas_recipients, row.gas_used)
  const gasUsed = row.gas_used
  const fee = gasUsed === null || row.effective_gas_price === null ? null : gasUsed * row.effective_gas_price
  return {
    batch_id: row.batch_id,
    batch_sequence: row.batch_sequence.toString(),
    chain_id: Number(chain.chainId),
    token_symbol: symbol,
    batch_type: "adjust_balance",
    status: batchStatusOf[row.state],
    state: row.state,
    trigger: row.trigger,
    content_hash: row.content_hash,
    failures: row.failures,
    last_error: row.last_error,
    cancel_requested_at: row.cancel_requested_at?.toISOString() ?? null,
    batch_metrics: {
      operation_count: row.changes,
      optimal_batch_size: row.size_wanted,
      actual_batch_size: row.recipients,
      efficiency_target: efficiencyTargetFor(strategy.efficiencyTarget, {
        credits: row.credited,
        debits: Math.max(recipients - row.credited, 0),
      }),
      actual_efficiency: likeForLike.gas_saved_percentage,
      batch_strategy: row.strategy,
      congestion: row.congestion,
    },
    gas_analysis: {
      estimated_gas_total: row.gas_estimated === null ? null : Number(row.gas_estimated),
      actual_gas_used: gasUsed === null ? null : Number(gasUsed),
      ...presentGasSaving(row.single_gas_changes, gasUsed),
      gas_saved_usd: null,
      per_recipient: likeForLike,
      new_holders: row.new_holders,
      gas_per_recipient: gasUsed === null ? null : Number(gasUsed / BigInt(row.recipients)),
      gas_per_change: gasUsed === null ? null : Number(gasUsed / BigInt(row.changes)),
      effective_gas_price: row.effective_gas_price?.toString() ?? null,
      gas_fee: fee === null ? null : formatAmount(fee, 18),
    },
    blockchain_info: {
      tx_hash: row.tx_hash,
      block_number: row.block_number === null ? null : Number(row.block_number),
      explorer_url: explorerUrl(chain.explorerUrl, row.tx_hash),
      created_at: row.sealed_at.toISOString(),
      submitted_at: row.broadcast_at?.toISOString() ?? null,
      mined_at: row.mined_at?.toISOString() ?? null,
      confirmed_at: row.confirmed_at?.toISOString() ?? null,
      oldest_change_at: row.oldest_change_at.toISOString(),
    },
  }
}
