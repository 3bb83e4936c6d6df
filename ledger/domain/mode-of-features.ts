import type { SettlementMode } from "./batch-calls.ts"

/** How a token is settled where nobody says it: what has `settle` knows batches; what can be minted and burned is settled without that; anything else is paid out of a treasury. */
export function modeOfFeatures(features: readonly string[]): SettlementMode {
  if (features.includes("settle")) return "settle"
  return features.includes("mintable") && features.includes("burnable") ? "batch-mint-burn" : "treasury"
}

/** The chain's own coin, which is no contract. */
export function isNativeCoin(address: string, features: readonly string[]): boolean {
  return features.includes("native") || /^0x0{40}$/.test(address)
}
