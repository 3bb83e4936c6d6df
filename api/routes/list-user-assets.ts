import { z } from "@hono/zod-openapi"
import { matchTokens } from "../ledger/resolve-token.ts"
import { balanceSchema, presentBalance } from "../presenters/balance.ts"
import { presentReadBatchInfo } from "../presenters/lane-outlook.ts"
import { readUserAccounts } from "../queries/user-accounts.ts"
import { refuse, refuseAll } from "../refusal.ts"
import { defineRoute } from "../route.ts"
import { chainIdParameter, userIdSchema } from "../validation/schemas.ts"

const assetSchema = balanceSchema
  .pick({
    token_symbol: true,
    chain_id: true,
    confirmed_balance: true,
    locked_balance: true,
    available_balance: true,
    sync_status: true,
    sync_error: true,
    last_sync_time: true,
  })
  .extend({
    chain_name: z.string(),
    token_name: z.string(),
    token_address: z.string(),
    decimals: z.int(),
    pending_balance: balanceSchema.shape.pending_balance.optional(),
    pending_changes: balanceSchema.shape.pending_changes.optional(),
    balance_usd: z.null(),
  })

export const listUserAssets = defineRoute({
  method: "get",
  path: "/users/{user_id}/assets",
  tag: "Ledger",
  summary: "Every balance that the ledger has of a user",
  auth: "key",
  scopes: ["ledger:read"],
  params: z.object({ user_id: userIdSchema }),
  query: z.strictObject({
    chain_id: chainIdParameter.optional(),
    include_pending: z
      .enum(["true", "false"])
      .default("true")
      .openapi({ description: "false: leaves out what is not on the chain yet" }),
  }),
  answer: z.object({
    user_id: z.string(),
    total_value_usd: z.null(),
    assets: z.array(assetSchema),
  }),
  refusals: ["UNKNOWN_USER", "UNKNOWN_TOKEN"],
  async handle(services, { params, query, caller }) {
    const registry = await services.registry.current()
    const tokens = matchTokens(registry, undefined, query.chain_id)
    if ("code" in tokens) return refuseAll([tokens])
    const accounts = await readUserAccounts(services.db, caller.ledgerId, params.user_id)
    if (accounts.length === 0)
      return refuse("UNKNOWN_USER", "user_id", "a user is known from the first adjustment on")
    const byToken = new Map(accounts.map((account) => [account.token_id, account]))
    const now = new Date()
    const assets = tokens.flatMap((token) => {
      const account = byToken.get(token.tokenId)
      if (account === undefined) return []
      const balance = presentBalance({
        token,
        account,
        lane: null,
        progress: undefined,
        chainBalance: undefined,
        now,
      })
      const { pending_balance, pending_changes } = balance
      return [
        {
          token_symbol: balance.token_symbol,
          token_name: token.name,
          token_address: token.address,
          decimals: token.decimals,
          chain_id: balance.chain_id,
          chain_name: token.chain.name,
          confirmed_balance: balance.confirmed_balance,
          ...(query.include_pending === "true" ? { pending_balance, pending_changes } : {}),
          locked_balance: balance.locked_balance,
          available_balance: balance.available_balance,
          balance_usd: null,
          sync_status: balance.sync_status,
          sync_error: balance.sync_error,
          last_sync_time: balance.last_sync_time,
        },
      ]
    })
    return {
      data: { user_id: params.user_id, total_value_usd: null, assets },
      batchInfo: presentReadBatchInfo(undefined),
    }
  },
})
