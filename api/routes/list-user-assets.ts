import { z } from "@hono/zod-openapi"
import { matchTokens } from "../ledger/resolve-token.ts"
import { wantsAnew } from "../middleware/wants-anew.ts"
import { balanceSchema, presentBalance } from "../presenters/balance.ts"
import { presentReadBatchInfo } from "../presenters/lane-outlook.ts"
import { refuse, refuseAll } from "../refusal.ts"
import { defineRoute } from "../route.ts"
import { onlyLane } from "../settlement/only-lane.ts"
import { chainIdParameter, timeAnswer, tokenSymbolSchema, userIdSchema } from "../validation/schemas.ts"

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
    next_sync_estimate: true,
    sync_lag: true,
    head_lag: true,
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
  permission: "ledger.read",
  params: z.object({ user_id: userIdSchema }),
  query: z.strictObject({
    token_symbol: tokenSymbolSchema.optional(),
    chain_id: chainIdParameter.optional(),
    include_pending: z
      .enum(["true", "false"])
      .default("true")
      .openapi({ description: "false: leaves out what is not on the chain yet" }),
  }),
  answer: z.object({
    user_id: z.string(),
    total_value_usd: z.null(),
    last_updated: timeAnswer.nullable().openapi({ description: "When one of these balances last changed" }),
    assets: z.array(assetSchema),
  }),
  refusals: ["UNKNOWN_USER", "UNKNOWN_TOKEN"],
  async handle(services, { params, query, caller, context }) {
    const registry = await services.registry.current()
    const tokens = matchTokens(registry, query.token_symbol, query.chain_id)
    if ("code" in tokens) return refuseAll([tokens])
    const [{ accounts, source }] = await Promise.all([
      services.balances.read(caller.ledgerId, params.user_id, wantsAnew(context)),
      services.lanes.whenCurrent(),
      services.chains.whenCurrent(),
    ])
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
        lane: services.lanes.figuresOf(caller.ledgerId, token.tokenId),
        progress: services.chains.progressOf(token.chain.chainId),
        chainBalance: undefined,
        source,
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
          next_sync_estimate: balance.next_sync_estimate,
          sync_lag: balance.sync_lag,
          head_lag: balance.head_lag,
        },
      ]
    })
    const shown = tokens.filter((token) => byToken.has(token.tokenId))
    const changed = shown.map((token) => byToken.get(token.tokenId)?.changed_at.getTime() ?? 0)
    return {
      data: {
        user_id: params.user_id,
        total_value_usd: null,
        last_updated: changed.length === 0 ? null : new Date(Math.max(...changed)).toISOString(),
        assets,
      },
      batchInfo: presentReadBatchInfo(onlyLane(services, caller.ledgerId, shown)),
      ages: ["sync_lag", "head_lag"],
    }
  },
})
