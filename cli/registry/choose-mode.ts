import type { SettlementMode } from "../../ledger/domain/batch-calls.ts"
import { isNativeCoin, modeOfFeatures } from "../../ledger/domain/mode-of-features.ts"
import type { Configuration } from "../../platform/config/load-configuration.ts"
import { ChainBridgeError } from "../../platform/errors.ts"

export type ConfiguredToken = Configuration["tokens"][string]["tokens"][number]

/**
 * How a token is settled: as its entry says, or else by its features.
 * @throws ChainBridgeError CONFIG_INVALID for the native coin
 */
export function chooseMode(chainId: number, token: ConfiguredToken): SettlementMode {
  const { features, symbol } = token
  if (isNativeCoin(token.address, features)) {
    throw new ChainBridgeError(
      "CONFIG_INVALID",
      `tokens.yaml: ${symbol} on chain ${chainId} is the chain's own coin, which cannot be settled yet (only tokens can): leave it out`,
    )
  }
  return token.settlement_mode ?? modeOfFeatures(features)
}
