import type { ReasonsAnswer, TokensAnswer } from "./api-answers.ts"
import type { ApiClient } from "./api-client.ts"
import type { StreamRules } from "./expect-outcomes.ts"
import type { StreamOperation } from "./stream-operation.ts"

export type StreamToken = {
  readonly address: `0x${string}`
  readonly symbol: string
  readonly chainId: number
  readonly decimals: number
}

/** The token of a stream, and by what its operations will be judged. */
export async function readRules(
  api: ApiClient,
  operations: readonly StreamOperation[],
): Promise<{ token: StreamToken; rules: StreamRules }> {
  const symbols = new Set(
    operations.flatMap(({ adjustments }) => adjustments.map((item) => item.token_symbol)),
  )
  const [symbol, ...others] = symbols
  const { tokens } = await api.read<TokensAnswer>("/tokens")
  const matching = tokens.filter((candidate) => candidate.symbol === symbol)
  const token = matching.find((candidate) => candidate.is_default) ?? matching[0]
  if (token === undefined || others.length > 0)
    throw new Error(`a stream is of one token that the stack has, not of ${[...symbols].join(", ")}`)
  const { reasons } = await api.read<ReasonsAnswer>("/reasons")
  return {
    token: {
      address: token.contract_address,
      symbol: token.symbol,
      chainId: token.chain_id,
      decimals: token.decimals,
    },
    rules: {
      decimals: token.decimals,
      reasons: new Map(reasons.map((reason) => [reason.reason_type, new Set(reason.allowed_metadata)])),
    },
  }
}
