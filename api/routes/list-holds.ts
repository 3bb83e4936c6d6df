import { z } from "@hono/zod-openapi"
import { matchTokens } from "../ledger/resolve-token.ts"
import { holdSchema, presentHold } from "../presenters/hold.ts"
import { readOpenHolds } from "../queries/holds.ts"
import { readUserAccounts } from "../queries/user-accounts.ts"
import { refuse, refuseAll } from "../refusal.ts"
import { defineRoute } from "../route.ts"
import { decodeCursor, paginate } from "../validation/cursor.ts"
import {
  chainIdParameter,
  cursorParameter,
  limitParameter,
  paginationSchema,
  tokenSymbolSchema,
  userIdSchema,
} from "../validation/schemas.ts"

export const listHolds = defineRoute({
  method: "get",
  path: "/balance/{user_id}/holds",
  tag: "Ledger",
  summary: "A user's open holds, newest first",
  permission: "ledger.read",
  params: z.object({ user_id: userIdSchema }),
  query: z.strictObject({
    token_symbol: tokenSymbolSchema.optional(),
    chain_id: chainIdParameter.optional(),
    limit: limitParameter,
    cursor: cursorParameter,
  }),
  answer: z.object({ user_id: z.string(), holds: z.array(holdSchema), pagination: paginationSchema }),
  refusals: ["UNKNOWN_USER", "UNKNOWN_TOKEN", "INVALID_CURSOR"],
  async handle(services, { params, query, caller }) {
    const { ledgerId } = caller
    const cursor = decodeCursor("holds", query.cursor)
    if ("refused" in cursor) return cursor
    const registry = await services.registry.current()
    const tokens = matchTokens(registry, query.token_symbol, query.chain_id)
    if ("code" in tokens) return refuseAll([tokens])
    const accounts = await readUserAccounts(services.reads, ledgerId, params.user_id)
    if (accounts.length === 0)
      return refuse("UNKNOWN_USER", "user_id", "a user is known from the first adjustment on")
    const wanted = new Set(tokens.map((token) => token.tokenId))
    const rows = await readOpenHolds(
      services.db,
      ledgerId,
      accounts.filter((account) => wanted.has(account.token_id)).map((account) => account.account_id),
      cursor.position,
      query.limit + 1,
    )
    const { page, pagination } = paginate(rows, query.limit, "holds", (row) => row.position)
    const now = new Date()
    return {
      data: {
        user_id: params.user_id,
        holds: page.map((row) => presentHold(registry, ledgerId, row, now)),
        pagination,
      },
    }
  },
})
