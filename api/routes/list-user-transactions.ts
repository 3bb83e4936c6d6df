import { z } from "@hono/zod-openapi"
import { businessTypes } from "../../platform/config/reason-registry-schema.ts"
import { matchTokens } from "../ledger/resolve-token.ts"
import { changeStatusSchema, presentTransaction, tokenOf, transactionSchema } from "../presenters/change.ts"
import { readHistory } from "../queries/history.ts"
import { readUserAccounts } from "../queries/user-accounts.ts"
import { refuse, refuseAll } from "../refusal.ts"
import { defineRoute } from "../route.ts"
import { decodeCursor, paginate } from "../validation/cursor.ts"
import {
  chainIdParameter,
  cursorParameter,
  limitParameter,
  paginationSchema,
  userIdSchema,
} from "../validation/schemas.ts"

export const listUserTransactions = defineRoute({
  method: "get",
  path: "/users/{user_id}/transactions",
  tag: "Ledger",
  summary: "Everything that was recorded for a user, newest first, with its fate on the chain",
  permission: "ledger.read",
  params: z.object({ user_id: userIdSchema }),
  query: z.strictObject({
    chain_id: chainIdParameter.optional(),
    business_type: z.enum(businessTypes).optional(),
    status: changeStatusSchema.optional(),
    limit: limitParameter,
    cursor: cursorParameter,
  }),
  answer: z.object({
    user_id: z.string(),
    transactions: z.array(transactionSchema),
    pagination: paginationSchema,
  }),
  refusals: ["UNKNOWN_USER", "UNKNOWN_TOKEN", "INVALID_CURSOR"],
  async handle(services, { params, query, caller }) {
    const { ledgerId } = caller
    const cursor = decodeCursor("transactions", query.cursor)
    if ("refused" in cursor) return cursor
    const registry = await services.registry.current()
    const tokens = matchTokens(registry, undefined, query.chain_id)
    if ("code" in tokens) return refuseAll([tokens])
    const [accounts] = await Promise.all([
      readUserAccounts(services.reads, ledgerId, params.user_id),
      services.chains.whenCurrent(),
    ])
    if (accounts.length === 0)
      return refuse("UNKNOWN_USER", "user_id", "a user is known from the first adjustment on")
    const wanted = new Set(tokens.map((token) => token.tokenId))
    const { rows, continueAt } = await readHistory(
      services.reads,
      ledgerId,
      accounts.filter((account) => wanted.has(account.token_id)).map((account) => account.account_id),
      { businessType: query.business_type, status: query.status },
      cursor.position,
      query.limit + 1,
    )
    const { page, pagination } = paginate(
      rows,
      query.limit,
      "transactions",
      (row) => row.position,
      continueAt,
    )
    return {
      data: {
        user_id: params.user_id,
        transactions: page.map((row) => {
          const { chain } = tokenOf(registry, row.token_id)
          const headBlock = services.chains.progressOf(chain.chainId)?.headBlock ?? null
          return presentTransaction(registry, ledgerId, row, headBlock)
        }),
        pagination,
      },
    }
  },
})
