import type { Hex } from "viem"
import type { Configuration } from "../../platform/config/load-configuration.ts"

/**
 * The contract that pays a chain's plain tokens out, as its entry in chains.yaml says.
 * @param deployed the one that was deployed there, or that the registry knows; null: none
 */
export function chooseTreasury(
  configuration: Configuration,
  chainId: number,
  deployed: string | null,
): Hex | null {
  const chain = Object.values(configuration.chains).find(({ chain_id }) => chain_id === chainId)
  const configured = chain?.treasury ?? "deployed"
  const chosen = configured === "deployed" ? deployed : configured === "none" ? null : configured
  return chosen === null ? null : (chosen.toLowerCase() as Hex)
}
