import { z } from "zod"

const address = z
  .string()
  .regex(/^(deployed|0x[0-9a-fA-F]{40})$/, 'an address (0x and 40 hex digits) or "deployed"')

export const tokensSchema = z.strictObject({
  tokens: z.record(
    z.string(),
    z.strictObject({
      chain_id: z.int().positive(),
      tokens: z
        .array(
          z.strictObject({
            address,
            symbol: z.string().regex(/^[A-Za-z0-9._-]{1,32}$/, "1 to 32 letters, digits, dots, dashes"),
            name: z.string().min(1).max(100),
            decimals: z.int().min(0).max(18),
            type: z.string().optional(),
            features: z.array(z.string()),
            batch_operations: z.array(z.string()).optional(),
            /** Left out: by the features. */
            settlement_mode: z.enum(["settle", "batch-mint-burn", "treasury"]).optional(),
            is_default: z.boolean().default(false),
            start_block: z.int().min(0).optional(),
            /** In base units. */
            drift_threshold: z
              .string()
              .regex(/^\d{1,78}$/, "a whole number of base units, as text")
              .default("0"),
          }),
        )
        .max(1_000),
    }),
  ),
})
