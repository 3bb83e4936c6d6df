import { z } from "@hono/zod-openapi"
import { matchTokenIds } from "../ledger/resolve-token.ts"
import { deadLetterSchema, deadLetterStatusSchema, presentDeadLetter } from "../presenters/dead-letter.ts"
import { readDeadLetters } from "../queries/dead-letters.ts"
import { refuseAll } from "../refusal.ts"
import { defineRoute } from "../route.ts"
import { decodeCursor, paginate } from "../validation/cursor.ts"
import {
  chainIdParameter,
  cursorParameter,
  limitParameter,
  paginationSchema,
  tokenSymbolSchema,
} from "../validation/schemas.ts"

export const listDeadLetters = defineRoute({
  method: "get",
  path: "/dead-letters",
  tag: "Settlement",
  summary: "What the chain refuses, newest first",
  permission: "dead_letters.read",
  query: z.strictObject({
    status: deadLetterStatusSchema.optional(),
    token_symbol: tokenSymbolSchema.optional(),
    chain_id: chainIdParameter.optional(),
    limit: limitParameter,
    cursor: cursorParameter,
  }),
  answer: z.object({ dead_letters: z.array(deadLetterSchema), pagination: paginationSchema }),
  refusals: ["UNKNOWN_TOKEN", "INVALID_CURSOR"],
  async handle(services, { query, caller }) {
    const { ledgerId } = caller
    const cursor = decodeCursor("dead-letters", query.cursor)
    if ("refused" in cursor) return cursor
    const registry = await services.registry.current()
    const matched = matchTokenIds(registry, query.token_symbol, query.chain_id)
    if ("code" in matched) return refuseAll([matched])
    const rows = await readDeadLetters(
      services.db,
      ledgerId,
      { ...matched, status: query.status, before: cursor.position },
      query.limit + 1,
    )
    const { page, pagination } = paginate(rows, query.limit, "dead-letters", (row) => row.dead_letter_id)
    return {
      data: { dead_letters: page.map((row) => presentDeadLetter(registry, ledgerId, row)), pagination },
    }
  },
})
