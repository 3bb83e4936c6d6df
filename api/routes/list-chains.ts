import { z } from "@hono/zod-openapi"
import { defineRoute } from "../route.ts"

export const listChains = defineRoute({
  method: "get",
  path: "/chains",
  tag: "System",
  summary: "The chains that are settled on",
  permission: "registry.read",
  answer: z.object({
    chains: z.array(
      z.object({
        chain_id: z.int(),
        name: z.string(),
        confirmation_blocks: z.int(),
        finality: z.enum(["depth", "safe"]),
        block_time_ms: z.int(),
        explorer_url: z.string().nullable(),
        wallet_manager: z.string(),
        is_retired: z.boolean().openapi({ description: "Its tokens take no new changes" }),
      }),
    ),
  }),
  refusals: [],
  async handle(services) {
    const { chains } = await services.registry.current()
    return {
      data: {
        chains: [...chains.values()].map((chain) => ({
          chain_id: Number(chain.chainId),
          name: chain.name,
          confirmation_blocks: chain.confirmationBlocks,
          finality: chain.finality,
          block_time_ms: chain.blockTimeMs,
          explorer_url: chain.explorerUrl,
          wallet_manager: chain.walletManager,
          is_retired: chain.isRetired,
        })),
      },
    }
  },
})
