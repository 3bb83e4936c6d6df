import { z } from "zod"
import { durationSchema } from "./duration.ts"

/** What a chain's entry in the files and its document in the registry have in common. */
const chainFields = {
  confirmation_blocks: z.int().min(0).max(10_000),
  finality: z.enum(["depth", "safe"]),
  /** How transactions are priced. `auto`: by what the newest block says. */
  transaction_type: z.enum(["auto", "eip1559", "legacy"]).default("auto"),
  explorer_url: z
    .url({ protocol: /^https?$/, error: "an address that begins with http:// or https://" })
    .nullable()
    .default(null),
}

const chainNameSchema = z
  .string()
  .regex(/^[a-z][a-z0-9_-]{0,31}$/, "lower-case letters, digits, - and _, at most 32")

const durationMs = z.int().min(0).max(1_000_000_000_000)

/** What may change of a chain in the registry. */
export const chainDocumentSchema = z.strictObject({
  name: chainNameSchema,
  ...chainFields,
  block_time_ms: z.int().min(1).max(2_147_483_647),
  /** Wei per gas. null: no limit. */
  max_fee_per_gas: z
    .string()
    .regex(/^[1-9]\d{0,29}$/, "a whole number of wei above 0, as text")
    .nullable()
    .default(null),
  replace_after_ms: durationMs.min(1).default(60_000),
  replace_after_max_ms: durationMs.min(1).default(600_000),
  private_relay_alone_ms: durationMs.nullable().default(null),
  is_retired: z.boolean().default(false),
})

export const chainsSchema = z.strictObject({
  chains: z.record(
    z.string(),
    z.strictObject({
      chain_id: z.int().positive(),
      ...chainFields,
      block_time: durationSchema,
      polling_interval: durationSchema.default(1_000),
      /** What each RPC endpoint bears. */
      requests_per_second: z.int().min(20).max(2_000).default(20),
      start_block: z.int().min(0).default(0),
      /** Gwei per gas that no transaction offers more than. null: no such limit. */
      max_fee: z
        .string()
        .regex(/^(?=.*[1-9])\d{1,9}(\.\d{1,9})?$/, "a decimal amount of gwei above 0, as text")
        .nullable()
        .default(null),
      /** A transaction that is not mined is replaced after this long, at higher fees; then after twice as long, and so on up to `replace_after_max`. */
      replace_after: durationSchema.refine((ms) => ms > 0, "more than 0").default(60_000),
      replace_after_max: durationSchema.refine((ms) => ms > 0, "more than 0").default(600_000),
      /** Where there is a private relay: how long a transaction goes to it alone. null: always. */
      private_relay_alone: durationSchema.nullable().default(null),
      /** Absent: deployed by `chainbridge start`. */
      wallet_manager: z
        .string()
        .regex(/^0x[0-9a-fA-F]{40}$/, "an address: 0x and 40 hex digits")
        .optional(),
      /** Where checkpoints' roots are anchored. `deployed`: by `chainbridge start` or `config apply --deploy`. `none`: not on this chain. */
      audit_anchor: z
        .string()
        .regex(
          /^(deployed|none|0x[0-9a-fA-F]{40})$/,
          'an address (0x and 40 hex digits), "deployed" or "none"',
        )
        .default("deployed"),
      /** What pays tokens out that know no batches. `deployed`: by `chainbridge start`, where a token needs one. */
      treasury: z
        .string()
        .regex(
          /^(deployed|none|0x[0-9a-fA-F]{40})$/,
          'an address (0x and 40 hex digits), "deployed" or "none"',
        )
        .default("deployed"),
    }),
  ),
})
