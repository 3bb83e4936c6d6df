import { z } from "zod"

export const reasonTypeSchema = z
  .string()
  .regex(/^[a-z][a-z0-9_]{0,63}$/, "lower case letters, digits and underscores, at most 64")

/** What a change is in the caller's books. Each reason has its own one. */
export const businessTypes = [
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
] as const

const reasonSchema = z.strictObject({
  description: z.string().min(1).max(500),
  allowed_metadata: z.array(reasonTypeSchema).max(100),
  business_type: z.enum(businessTypes),
  priority: z.enum(["low", "normal", "high", "urgent"]).default("normal"),
  auto_batch: z.boolean().default(true),
})

/** What may change of a reason in the registry. */
export const reasonDocumentSchema = reasonSchema.extend({ is_retired: z.boolean().default(false) })

export const reasonRegistrySchema = z.strictObject({
  reason_types: z.record(reasonTypeSchema, reasonSchema),
})
