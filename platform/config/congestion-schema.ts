import { z } from "zod"

/** When a chain counts as busy or quiet: see config/batch_strategy.yaml. */
export const congestionRulesSchema = z.strictObject({
  window_blocks: z.int().min(1).max(100),
  newest_blocks: z.int().min(1).max(100),
  high_base_fee_percent: z.number().min(1).max(1_000),
  high_gas_used_percent: z.number().min(0).max(100),
  low_base_fee_percent: z.number().min(0).max(1_000),
  low_gas_used_percent: z.number().min(0).max(100),
})

export type CongestionSettings = z.infer<typeof congestionRulesSchema>

/** What `congestion` is, as long as nobody says otherwise. */
export const congestionDefaults: CongestionSettings = {
  window_blocks: 20,
  newest_blocks: 3,
  high_base_fee_percent: 120,
  high_gas_used_percent: 90,
  low_base_fee_percent: 100,
  low_gas_used_percent: 40,
}

/** The rules of the file, with those of the chain laid over them. */
export function congestionOfChain(
  file: {
    readonly congestion: CongestionSettings
    readonly chain_congestion: Readonly<Record<string, object>>
  },
  chainId: string | null,
): CongestionSettings {
  const own = chainId === null ? undefined : file.chain_congestion[chainId]
  return congestionRulesSchema.parse({ ...file.congestion, ...own })
}

/** @returns each key that another one leaves no room for, and what is allowed */
export function findContradictions(rules: CongestionSettings): [keyof CongestionSettings, string][] {
  const found: [keyof CongestionSettings, string][] = []
  if (rules.newest_blocks > rules.window_blocks) found.push(["newest_blocks", "at most window_blocks"])
  if (rules.low_base_fee_percent >= rules.high_base_fee_percent)
    found.push(["low_base_fee_percent", "below high_base_fee_percent"])
  if (rules.low_gas_used_percent >= rules.high_gas_used_percent)
    found.push(["low_gas_used_percent", "below high_gas_used_percent"])
  return found
}
