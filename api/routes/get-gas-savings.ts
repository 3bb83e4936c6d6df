import { z } from "@hono/zod-openapi"
import { presentSavingsDay, savingsDaySchema } from "../presenters/gas-savings.ts"
import { readSavings, savingsPosition } from "../queries/gas-savings.ts"
import { refuse, refuseAll } from "../refusal.ts"
import { defineRoute } from "../route.ts"
import { matchLanes } from "../settlement/match-lanes.ts"
import { decodeCursor, paginate } from "../validation/cursor.ts"
import {
  chainIdParameter,
  cursorParameter,
  dayParameter,
  limitParameter,
  paginationSchema,
  tokenSymbolSchema,
} from "../validation/schemas.ts"

const daysByDefault = 30
const daysMax = 366

export const getGasSavings = defineRoute({
  method: "get",
  path: "/gas/savings",
  tag: "Settlement",
  summary: "What settlement saved against single calls, by day, chain and token, newest first",
  permission: "settlement.read",
  query: z.strictObject({
    from: dayParameter
      .optional()
      .openapi({ description: `First day, UTC; ${daysByDefault} days with \`to\` unless named` }),
    to: dayParameter.optional().openapi({
      description: `Last day, UTC, and part of the answer; today unless named. At most ${daysMax} days from \`from\` on`,
    }),
    chain_id: chainIdParameter.optional(),
    token_symbol: tokenSymbolSchema.optional(),
    limit: limitParameter,
    cursor: cursorParameter,
  }),
  answer: z.object({ days: z.array(savingsDaySchema), pagination: paginationSchema }),
  refusals: ["UNKNOWN_TOKEN", "INVALID_CURSOR"],
  async handle(services, { query, caller }) {
    const cursor = decodeCursor("gas-savings", query.cursor)
    if ("refused" in cursor) return cursor
    const throughDay = query.to ?? Math.floor(Date.now() / 86_400_000)
    const fromDay = query.from ?? throughDay - daysByDefault + 1
    if (fromDay > throughDay)
      return refuse("INVALID_PARAMETER", "from", "the first day is after the last; swap from and to")
    if (throughDay - fromDay >= daysMax)
      return refuse("INVALID_PARAMETER", "from", `ask for at most ${daysMax} days at once`)
    const registry = await services.registry.current()
    const tokens = matchLanes(registry, query.token_symbol, query.chain_id)
    if ("code" in tokens) return refuseAll([tokens])
    const rows = await readSavings(
      services.db,
      caller.ledgerId,
      { tokenIds: tokens.map((token) => token.tokenId), fromDay, throughDay },
      cursor.position,
      query.limit + 1,
    )
    const { page, pagination } = paginate(rows, query.limit, "gas-savings", savingsPosition)
    return { data: { days: page.map((row) => presentSavingsDay(registry, row)), pagination } }
  },
})
