import { settledModes } from "../../batcher/domain/settlement-modes.ts"
import type { SettlementMode } from "../../ledger/domain/batch-calls.ts"
import type { Configuration } from "../../platform/config/load-configuration.ts"
import { ChainBridgeError } from "../../platform/errors.ts"

export type ConfiguredToken = Configuration["tokens"][string]["tokens"][number]

/**
 * How a token is settled: as its entry says, or else by its features. What has `settle` knows batches; what can be minted and burned is settled without that; anything else could only be paid out of a treasury.
 * @throws ChainBridgeError CONFIG_INVALID where batches of that mode cannot be made
 */
export function chooseMode(chainId: number, token: ConfiguredToken): SettlementMode {
  const { features, symbol } = token
  if (features.includes("native")) {
    throw new ChainBridgeError(
      "CONFIG_INVALID",
      `tokens.yaml: ${symbol} on chain ${chainId} is the chain's own coin, which cannot be settled yet: leave it out`,
    )
  }
  const mode = token.settlement_mode ?? modeOfFeatures(features)
  if (settledModes.includes(mode)) return mode
  throw new ChainBridgeError(
    "CONFIG_INVALID",
    `tokens.yaml: ${symbol} on chain ${chainId} would be settled in the mode ${mode}, which is not there yet: leave it out, or name a mode that its contract supports (${settledModes.join(", ")})`,
  )
}

function modeOfFeatures(features: readonly string[]): SettlementMode {
  if (features.includes("settle")) return "settle"
  return features.includes("mintable") && features.includes("burnable") ? "batch-mint-burn" : "treasury"
}
