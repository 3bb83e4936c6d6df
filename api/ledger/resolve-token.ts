import type { FieldError } from "../refusal.ts"
import type { RegisteredToken, RegistrySnapshot } from "../registry/registry-snapshot.ts"

/** Finds the token that a symbol, and the chain where it is given, stand for. @param fieldPrefix path before the field's name, such as `adjustments[0].` */
export function resolveToken(
  registry: RegistrySnapshot,
  symbol: string,
  chainId: number | undefined,
  fieldPrefix: string,
): RegisteredToken | FieldError {
  const candidates = registry.tokensBySymbol.get(symbol) ?? []
  const field = `${fieldPrefix}token_symbol`
  if (candidates.length === 0) {
    return {
      field,
      code: "UNKNOWN_TOKEN",
      message: `no chain has a token "${symbol}"; GET /tokens lists them`,
    }
  }
  const chains = (): string => candidates.map((token) => token.chain.chainId).join(", ")
  if (chainId !== undefined) {
    const found = candidates.find((token) => token.chain.chainId === BigInt(chainId))
    if (found !== undefined) return found
    return {
      field: `${fieldPrefix}chain_id`,
      code: "UNKNOWN_TOKEN",
      message: `chain ${chainId} has no token "${symbol}"; these chains have one: ${chains()}`,
    }
  }
  const chosen = candidates.length === 1 ? candidates[0] : candidates.find((token) => token.isDefault)
  if (chosen !== undefined) return chosen
  return {
    field,
    code: "AMBIGUOUS_TOKEN",
    message: `"${symbol}" exists on several chains; name the chain_id, one of ${chains()}`,
  }
}

/** Several tokens may have the symbol where a read names no chain. */
export function matchTokens(
  registry: RegistrySnapshot,
  symbol: string | undefined,
  chainId: number | undefined,
): readonly RegisteredToken[] | FieldError {
  const all =
    symbol === undefined ? [...registry.tokens.values()] : (registry.tokensBySymbol.get(symbol) ?? [])
  const matching =
    chainId === undefined ? all : all.filter((token) => token.chain.chainId === BigInt(chainId))
  if (matching.length > 0 || symbol === undefined) return matching
  const found = resolveToken(registry, symbol, chainId, "")
  return "code" in found ? found : [found]
}

/** The same for a list that is filtered by token: their ids, and undefined where neither is named. */
export function matchTokenIds(
  registry: RegistrySnapshot,
  symbol: string | undefined,
  chainId: number | undefined,
): { readonly tokenIds: readonly number[] | undefined } | FieldError {
  if (symbol === undefined && chainId === undefined) return { tokenIds: undefined }
  const tokens = matchTokens(registry, symbol, chainId)
  return "code" in tokens ? tokens : { tokenIds: tokens.map((token) => token.tokenId) }
}
