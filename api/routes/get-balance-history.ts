import { z } from "@hono/zod-openapi"
import { matchTokens } from "../ledger/resolve-token.ts"
import { changeStatusSchema, historyRowSchema, presentHistoryRow } from "../presenters/change.ts"
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
  timeParameter,
  tokenSymbolSchema,
  userIdSchema,
} from "../validation/schemas.ts"

export const getBalanceHistory = defineRoute({
  method: "get",
  path: "/balance/{user_id}/history",
  tag: "Ledger",
  summary: "What changed a user's balances, newest first",
  permission: "ledger.read",
  params: z.object({ user_id: userIdSchema }),
  query: z.strictObject({
    token_symbol: tokenSymbolSchema.optional(),
    chain_id: chainIdParameter.optional(),
    reason_type: z.string().min(1).max(64).optional(),
    status: changeStatusSchema.optional(),
    from_date: timeParameter.optional().openapi({ description: "Recorded at or after" }),
    to_date: timeParameter.optional().openapi({ description: "Recorded before" }),
    limit: limitParameter,
    cursor: cursorParameter,
  }),
  answer: z.object({
    user_id: z.string(),
    token_symbol: z.string().nullable(),
    history: z.array(historyRowSchema),
    pagination: paginationSchema,
  }),
  refusals: ["UNKNOWN_USER", "UNKNOWN_TOKEN", "INVALID_CURSOR"],
  async handle(services, { params, query, caller }) {
    const { ledgerId } = caller
    const cursor = decodeCursor("history", query.cursor)
    if ("refused" in cursor) return cursor
    const registry = await services.registry.current()
    const tokens = matchTokens(registry, query.token_symbol, query.chain_id)
    if ("code" in tokens) return refuseAll([tokens])
    const accounts = await readUserAccounts(services.reads, ledgerId, params.user_id)
    if (accounts.length === 0)
      return refuse("UNKNOWN_USER", "user_id", "a user is known from the first adjustment on")
    const wanted = new Set(tokens.map((token) => token.tokenId))
    const { rows, continueAt } = await readHistory(
      services.reads,
      ledgerId,
      accounts.filter((account) => wanted.has(account.token_id)).map((account) => account.account_id),
      { reasonType: query.reason_type, status: query.status, from: query.from_date, to: query.to_date },
      cursor.position,
      query.limit + 1,
    )
    const { page, pagination } = paginate(rows, query.limit, "history", (row) => row.position, continueAt)
    return {
      data: {
        user_id: params.user_id,
        token_symbol: query.token_symbol ?? null,
        history: page.map((row) => presentHistoryRow(registry, ledgerId, row)),
        pagination,
      },
    }
  },
})
