import { z } from "@hono/zod-openapi"
import { formatAmount } from "../../ledger/domain/amount.ts"
import type { SavingsRow } from "../queries/gas-savings.ts"
import type { RegistrySnapshot } from "../registry/registry-snapshot.ts"
import { amountAnswer } from "../validation/schemas.ts"
import { tokenOf } from "./change.ts"
import { gasSavingSchema, presentGasSaving } from "./gas-saving.ts"

export const savingsDaySchema = z
  .object({
    day: z.iso.date().openapi({ description: "UTC; of a batch the day of its confirmation" }),
    chain_id: z.int(),
    token_symbol: z.string(),
    batches: z.int(),
    recipients: z.int(),
    changes: z.int().openapi({ description: "Settled by these batches" }),
    netted_changes: z.int().openapi({ description: "Settled without a transaction: they cancelled out" }),
    new_holders: z.int(),
    gas_used: z.int(),
    gas_fee: amountAnswer.openapi({ description: "In native coin" }),
    gas_saved_usd: z.null(),
    measured: z.object({ batches: z.int(), netted_changes: z.int(), gas_used: z.int() }).openapi({
      description: "What there is a measurement of single calls for; the savings are of these alone",
    }),
    per_recipient: gasSavingSchema.openapi({
      description: "Like for like: against one single call for each recipient",
    }),
    per_change: gasSavingSchema.openapi({
      description: "With netting: against one single call for each change, also for those that cancelled out",
    }),
  })
  .openapi({
    example: {
      day: "2024-12-15",
      chain_id: 31_337,
      token_symbol: "CPOP",
      batches: 2,
      recipients: 60,
      changes: 240,
      netted_changes: 4,
      new_holders: 0,
      gas_used: 527_714,
      gas_fee: "0.000527714000000000",
      gas_saved_usd: null,
      measured: { batches: 2, netted_changes: 4, gas_used: 527_714 },
      per_recipient: { single_op_gas_total: 2_323_200, gas_saved: 1_795_486, gas_saved_percentage: 77.28 },
      per_change: { single_op_gas_total: 9_447_818, gas_saved: 8_920_104, gas_saved_percentage: 94.41 },
    },
  })

const dayMs = 86_400_000

export function presentSavingsDay(
  registry: RegistrySnapshot,
  row: SavingsRow,
): z.infer<typeof savingsDaySchema> {
  const { symbol, chain } = tokenOf(registry, row.token_id)
  const hasBatches = row.batches_measured > 0n
  const hasAny = hasBatches || row.netted_measured > 0n
  const singleChanges = row.single_gas_changes + row.single_gas_netted
  return {
    day: new Date(row.day * dayMs).toISOString().slice(0, 10),
    chain_id: Number(chain.chainId),
    token_symbol: symbol,
    batches: Number(row.batches),
    recipients: Number(row.recipients),
    changes: Number(row.changes),
    netted_changes: Number(row.netted_changes),
    new_holders: Number(row.new_holders),
    gas_used: Number(row.gas_used),
    gas_fee: formatAmount(row.fee, 18),
    gas_saved_usd: null,
    measured: {
      batches: Number(row.batches_measured),
      netted_changes: Number(row.netted_measured),
      gas_used: Number(row.gas_used_measured),
    },
    per_recipient: presentGasSaving(hasBatches ? row.single_gas_recipients : null, row.gas_used_measured),
    per_change: presentGasSaving(hasAny ? singleChanges : null, row.gas_used_measured),
  }
}
