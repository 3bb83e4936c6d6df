import { z } from "@hono/zod-openapi"
import { defineRoute } from "../route.ts"
import { chainIdParameter } from "../validation/schemas.ts"

export const listTokens = defineRoute({
  method: "get",
  path: "/tokens",
  tag: "System",
  summary: "The tokens that balances can be in",
  permission: "registry.read",
  query: z.strictObject({ chain_id: chainIdParameter.optional() }),
  answer: z.object({
    tokens: z.array(
      z.object({
        chain_id: z.int(),
        chain_name: z.string(),
        symbol: z.string(),
        name: z.string(),
        contract_address: z.string(),
        decimals: z.int(),
        features: z.array(z.string()),
        settlement_mode: z.string(),
        is_default: z.boolean().openapi({ description: "Meant by the symbol where no chain_id is given" }),
        optimal_batch_size: z.int().nullable(),
        max_wait_time_ms: z.int().nullable(),
        is_retired: z.boolean().openapi({ description: "Takes no new changes" }),
      }),
    ),
  }),
  refusals: [],
  async handle(services, { query }) {
    const { tokens } = await services.registry.current()
    const shown = [...tokens.values()].filter(
      (token) => query.chain_id === undefined || token.chain.chainId === BigInt(query.chain_id),
    )
    return {
      data: {
        tokens: shown.map((token) => ({
          chain_id: Number(token.chain.chainId),
          chain_name: token.chain.name,
          symbol: token.symbol,
          name: token.name,
          contract_address: token.address,
          decimals: token.decimals,
          features: [...token.features],
          settlement_mode: token.settlementMode,
          is_default: token.isDefault,
          optimal_batch_size: token.strategy.optimalBatchSize,
          max_wait_time_ms: token.strategy.maxWaitMs,
          is_retired: token.isRetired,
        })),
      },
    }
  },
})
