import { z } from "zod"
import { createAddressList } from "../address-list.ts"
import { durationSchema } from "./duration.ts"

const positiveDuration = durationSchema.refine((ms) => ms > 0, "more than nothing")
const baseUnits = z.string().regex(/^\d{1,78}$/, "a whole number of base units, as text")

const rangeSchema = z.string().refine((range) => {
  try {
    return createAddressList([range]).ranges.length === 1
  } catch (error) {
    if (error instanceof TypeError) return false
    throw error
  }
}, "a range of addresses, such as 10.1.0.0/16, without bits behind its prefix")

export const syncSchema = z.strictObject({
  reconciliation: z.strictObject({
    /** How often ledger and chain are compared. */
    balance_check_interval: durationSchema,
    transaction_check_interval: durationSchema.optional(),
    nft_check_interval: durationSchema.optional(),
    mismatch_threshold: baseUnits.optional(),
  }),
  audit: z.strictObject({
    checkpoint_events: z.int().min(1).max(1_000_000_000),
    checkpoint_interval: positiveDuration,
    anchor_interval: positiveDuration,
    /** Null: the first chain that has an AuditAnchor. */
    anchor_chain_id: z.int().positive().nullable().default(null),
  }),
  imports: z.strictObject({
    body_bytes_max: z.int().min(1).max(34_359_738_368),
    // Less would not hold a line with all that an adjustment may have.
    line_bytes_max: z.int().min(1_024).max(1_048_576),
    refused_kept_max: z.int().min(0).max(10_000_000),
  }),
  holds: z
    .strictObject({ default_expiry: positiveDuration, max_expiry: positiveDuration })
    .refine((value) => value.default_expiry <= value.max_expiry, {
      path: ["default_expiry"],
      message: "at most max_expiry",
    }),
  /** Of each API key. */
  rate_limit: z.strictObject({
    enabled: z.boolean(),
    requests_per_second: z.int().min(1).max(1_000_000),
    burst: z.int().min(1).max(1_000_000),
  }),
  webhooks: z.strictObject({
    allow_http: z.boolean(),
    /** Besides public addresses. */
    allowed_targets: z.array(rangeSchema).max(100),
    disable_after: positiveDuration,
    log_kept: positiveDuration,
  }),
  // Understood, and read by nothing: see find-unread.ts.
  balance_sync: z
    .strictObject({
      redis_ttl: durationSchema,
      db_sync_interval: durationSchema,
      chain_sync_interval: z.strictObject({
        cpop: durationSchema,
        major_tokens: durationSchema,
        other_tokens: durationSchema,
        nfts: durationSchema,
      }),
    })
    .optional(),
  transaction_sync: z
    .strictObject({
      pending_check_interval: durationSchema,
      max_pending_time: durationSchema,
      retry_interval: durationSchema,
      max_retries: z.int().min(0).max(100),
    })
    .optional(),
  monitoring: z
    .strictObject({
      sync_lag_alert_threshold: durationSchema,
      mismatch_alert_threshold: baseUnits,
      failure_rate_threshold: z.number().min(0).max(1),
    })
    .optional(),
})
