import { z } from "@hono/zod-openapi"
import { readUserTransactions } from "../ledger/read-user-transactions.ts"
import { matchTokens } from "../ledger/resolve-token.ts"
import { changeStatusSchema } from "../presenters/change.ts"
import { userTransactionSchema } from "../presenters/user-transaction.ts"
import { readUserAccounts } from "../queries/user-accounts.ts"
import { refuse, refuseAll } from "../refusal.ts"
import { defineRoute } from "../route.ts"
import { decodePageKey, pageKeyPattern } from "../validation/page-key.ts"
import {
  chainIdParameter,
  limitParameter,
  timeParameter,
  tokenSymbolSchema,
  userIdSchema,
} from "../validation/schemas.ts"

const flag = (description: string) => z.enum(["true", "false"]).optional().openapi({ description })

const hash = `0x${"ab".repeat(32)}`

const example = {
  user_id: "user_123",
  data_source: "ledger_and_indexer",
  transactions: [
    {
      source: "chain",
      transaction_id: null,
      operation_id: null,
      type: "transfer_in",
      asset_type: "ERC20",
      token_symbol: "CPOP",
      chain_id: 31_337,
      chain_name: "local",
      amount: "+5.000000000000000000",
      from_address: `0x${"12".repeat(20)}`,
      to_address: `0x${"34".repeat(20)}`,
      status: "submitted",
      tx_hash: hash,
      block_number: 18_500_000,
      confirmations: 2,
      gas_fee: null,
      gas_fee_usd: null,
      timestamp: "2024-12-15T10:30:00.000Z",
      explorer_url: null,
      batch_id: null,
      reason_type: null,
      reason_detail: null,
      metadata: null,
      log_index: 3,
      log_events: [
        {
          event: "Transfer",
          contract: `0x${"56".repeat(20)}`,
          from: `0x${"12".repeat(20)}`,
          to: `0x${"34".repeat(20)}`,
          value: "5000000000000000000",
        },
      ],
    },
  ],
  pagination: { limit: 20, page_key: null, has_more: false },
}

export const listTransactions = defineRoute({
  method: "get",
  path: "/transactions/{user_id}",
  tag: "Ledger",
  summary:
    "What the ledger recorded for a user and what happened to his addresses on the chains, newest first",
  permission: "ledger.read",
  params: z.object({ user_id: userIdSchema }),
  query: z.strictObject({
    chain_id: chainIdParameter.optional(),
    token_symbol: tokenSymbolSchema.optional(),
    status: changeStatusSchema.optional(),
    from_date: timeParameter.optional().openapi({ description: "At or after" }),
    to_date: timeParameter.optional().openapi({ description: "Before" }),
    include_internal: flag(
      "true: also the transfers by which batches brought rows of the ledger to the chain",
    ),
    decode_logs: flag("The logs of transfers on the chain, with their arguments; unless false"),
    limit: limitParameter,
    page_key: z
      .string()
      .regex(pageKeyPattern, "pass pagination.page_key of the previous page, unchanged")
      .optional()
      .openapi({ description: "`pagination.page_key` of the previous page" }),
  }),
  answer: z
    .object({
      user_id: z.string(),
      data_source: z.enum(["ledger", "ledger_and_indexer"]).openapi({
        description: "`ledger`: the indexer cannot be read now, or has nothing of the chains yet",
      }),
      transactions: z.array(userTransactionSchema),
      pagination: z.object({
        limit: z.int(),
        page_key: z.string().nullable(),
        has_more: z.boolean(),
      }),
    })
    .openapi({ example }),
  refusals: ["UNKNOWN_USER", "UNKNOWN_TOKEN", "INVALID_CURSOR", "CHAIN_UNAVAILABLE"],
  async handle(services, { params, query, caller }) {
    const { ledgerId } = caller
    const key = query.page_key === undefined ? undefined : decodePageKey(query.page_key)
    if (key !== undefined && "refused" in key) return key
    const registry = await services.registry.current()
    const tokens = matchTokens(registry, query.token_symbol, query.chain_id)
    if ("code" in tokens) return refuseAll([tokens])
    const [accounts] = await Promise.all([
      readUserAccounts(services.reads, ledgerId, params.user_id),
      services.chains.whenCurrent(),
    ])
    if (accounts.length === 0)
      return refuse("UNKNOWN_USER", "user_id", "a user is known from the first adjustment on")
    const byId = new Map(tokens.map((token) => [token.tokenId, token]))
    const page = await readUserTransactions(services, {
      ledgerId,
      registry,
      accounts: accounts.flatMap(({ account_id, token_id, address }) => {
        const token = byId.get(token_id)
        return token === undefined ? [] : [{ account_id, token_id, address, token }]
      }),
      status: query.status,
      from: query.from_date,
      to: query.to_date,
      withSettlements: query.include_internal === "true",
      withLogs: query.decode_logs !== "false",
      limit: query.limit,
      key,
    })
    if ("refused" in page) return page
    const { transactions, hasChains, pageKey } = page
    return {
      data: {
        user_id: params.user_id,
        data_source: hasChains ? "ledger_and_indexer" : "ledger",
        transactions,
        pagination: { limit: query.limit, page_key: pageKey, has_more: pageKey !== null },
      },
    }
  },
})
