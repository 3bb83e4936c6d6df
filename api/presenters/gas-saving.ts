import { z } from "@hono/zod-openapi"

export const gasSavingSchema = z.object({
  single_op_gas_total: z
    .int()
    .nullable()
    .openapi({ description: "What single mints and burns would have used" }),
  gas_saved: z
    .int()
    .nullable()
    .openapi({ description: "Below zero where single calls would have been cheaper" }),
  gas_saved_percentage: z.number().nullable(),
})

type GasSaving = z.infer<typeof gasSavingSchema>

/** What was saved against single calls; null without a measurement of them. */
export function presentGasSaving(singleGas: bigint | null, gasUsed: bigint | null): GasSaving {
  if (singleGas === null || gasUsed === null)
    return { single_op_gas_total: null, gas_saved: null, gas_saved_percentage: null }
  return {
    single_op_gas_total: Number(singleGas),
    gas_saved: Number(singleGas - gasUsed),
    gas_saved_percentage: savedPercent(singleGas, gasUsed),
  }
}

/** Percent of the single calls' gas, cut to two decimals; null without anything to compare with. */
export function savedPercent(singleGas: bigint, gasUsed: bigint): number | null {
  if (singleGas <= 0n) return null
  return Number(((singleGas - gasUsed) * 10_000n) / singleGas) / 100
}
