import type { SettlementMode } from "../../ledger/domain/batch-calls.ts"
import type { Configuration } from "../../platform/config/load-configuration.ts"
import { ChainBridgeError } from "../../platform/errors.ts"

export type ConfiguredToken = Configuration["tokens"][string]["tokens"][number]

/**
 * How a token is settled: as its entry says, or else by its features. What has `settle` knows batches; what can be minted and burned is settled without that; anything else is paid out of a treasury.
 * @throws ChainBridgeError CONFIG_INVALID for the native coin
 */
export function chooseMode(chainId: number, token: ConfiguredToken): SettlementMode {
  const { features, symbol } = token
  if (features.includes("native") || /^0x0{40}$/.test(token.address)) {
    throw new ChainBridgeError(
      "CONFIG_INVALID",
      `tokens.yaml: ${symbol} on chain ${chainId} is the chain's own coin, which cannot be settled yet (only tokens can): leave it out`,
    )
  }
  return token.settlement_mode ?? modeOfFeatures(features)
}

function modeOfFeatures(features: readonly string[]): SettlementMode {
  if (features.includes("settle")) return "settle"
  return features.includes("mintable") && features.includes("burnable") ? "batch-mint-burn" : "treasury"
}
