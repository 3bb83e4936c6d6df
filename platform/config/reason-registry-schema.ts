import { z } from "zod"

const key = z
  .string()
  .regex(/^[a-z][a-z0-9_]{0,63}$/, "lower case letters, digits and underscores, at most 64")

export const reasonRegistrySchema = z.strictObject({
  reason_types: z.record(
    key,
    z.strictObject({
      description: z.string().min(1).max(500),
      allowed_metadata: z.array(key).max(100),
      business_type: z.enum([
        "transfer",
        "reward",
        "gas_fee",
        "consumption",
        "refund",
        "mint",
        "burn",
        "adjustment",
        "deposit",
        "withdrawal",
      ]),
      priority: z.enum(["low", "normal", "high", "urgent"]).default("normal"),
      auto_batch: z.boolean().default(true),
    }),
  ),
})
