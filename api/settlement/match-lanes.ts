import { matchTokens } from "../ledger/resolve-token.ts"
import { tokenOf } from "../presenters/change.ts"
import type { FieldError } from "../refusal.ts"
import type { RegisteredToken, RegistrySnapshot } from "../registry/registry-snapshot.ts"
import { chainIdSchema, tokenSymbolSchema } from "../validation/schemas.ts"

/** What an operator may name of the lanes that he means. */
export const laneFields = {
  token_symbol: tokenSymbolSchema.optional().openapi({ description: "Every token, unless named" }),
  chain_id: chainIdSchema.optional().openapi({ description: "Every chain, unless named" }),
}

/** The tokens whose lanes an operator names: all, unless he names a symbol or a chain. A chain without a token is a mistake and not an order for nothing. */
export function matchLanes(
  registry: RegistrySnapshot,
  symbol: string | undefined,
  chainId: number | undefined,
): readonly RegisteredToken[] | FieldError {
  const tokens = matchTokens(registry, symbol, chainId)
  if ("code" in tokens || tokens.length > 0 || chainId === undefined) return tokens
  return {
    field: "chain_id",
    code: "UNKNOWN_TOKEN",
    message: `chain ${chainId} has no token; GET /tokens lists them all with their chains`,
  }
}

/** How the audit log names a lane: `CPOP on chain 31337`. */
export function nameOfLane(registry: RegistrySnapshot, { tokenId }: { readonly tokenId: number }): string {
  const { symbol, chain } = tokenOf(registry, tokenId)
  return `${symbol} on chain ${chain.chainId}`
}
