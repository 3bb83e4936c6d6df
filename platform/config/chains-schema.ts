import { z } from "zod"
import { durationSchema } from "./duration.ts"

export const chainsSchema = z.strictObject({
  chains: z.record(
    z.string(),
    z.strictObject({
      chain_id: z.int().positive(),
      confirmation_blocks: z.int().min(0).max(10_000),
      finality: z.enum(["depth", "safe"]),
      block_time: durationSchema,
      polling_interval: durationSchema.default(1_000),
      /** What each RPC endpoint bears. */
      requests_per_second: z.int().min(20).max(2_000).default(20),
      start_block: z.int().min(0).default(0),
      explorer_url: z.url().nullable().default(null),
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
    }),
  ),
})
