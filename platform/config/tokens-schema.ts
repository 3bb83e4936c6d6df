import { z } from "zod"

const address = z
  .string()
  .regex(/^(deployed|0x[0-9a-fA-F]{40})$/, 'an address (0x and 40 hex digits) or "deployed"')

/** What a token's entry in the files and its document in the registry have in common. */
export const tokenFields = {
  symbol: z.string().regex(/^[A-Za-z0-9._-]{1,32}$/, "1 to 32 letters, digits, dots, dashes"),
  name: z.string().min(1).max(100),
  decimals: z.int().min(0).max(18),
  features: z.array(z.string().min(1).max(64)).max(100),
  is_default: z.boolean().default(false),
  /** In base units. */
  drift_threshold: z
    .string()
    .regex(/^\d{1,78}$/, "a whole number of base units, as text")
    .default("0"),
}

export const settlementModeSchema = z.enum(["settle", "batch-mint-burn", "treasury"])

const { name, features, is_default, drift_threshold } = tokenFields

/** What may change of a token in the registry. */
export const tokenDocumentSchema = z.strictObject({
  name,
  features,
  is_default,
  drift_threshold,
  reconciliation_interval_ms: z.int().min(1).max(1_000_000_000_000).default(3_600_000),
  is_retired: z.boolean().default(false),
})

export const tokensSchema = z.strictObject({
  tokens: z.record(
    z.string(),
    z.strictObject({
      chain_id: z.int().positive(),
      tokens: z
        .array(
          z.strictObject({
            address,
            ...tokenFields,
            type: z.string().optional(),
            batch_operations: z.array(z.string()).optional(),
            /** Left out: by the features. */
            settlement_mode: settlementModeSchema.optional(),
            start_block: z.int().min(0).optional(),
          }),
        )
        .max(1_000),
    }),
  ),
})
