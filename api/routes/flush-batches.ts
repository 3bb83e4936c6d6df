import { z } from "@hono/zod-openapi"
import { sql } from "kysely"
import { laneChangedChannel } from "../../ledger/store/channels.ts"
import { recordAction } from "../../ledger/store/record-action.ts"
import { initiatorOf } from "../identity/initiator.ts"
import { refuseAll } from "../refusal.ts"
import { defineRoute } from "../route.ts"
import { laneFields, matchLanes, nameOfLane } from "../settlement/match-lanes.ts"
import { timeAnswer } from "../validation/schemas.ts"

export const flushBatches = defineRoute({
  method: "post",
  path: "/batches/flush",
  tag: "Settlement",
  summary: "Settle what waits now, whatever the triggers say",
  permission: "settlement.operate",
  body: z.strictObject(laneFields),
  isBodyOptional: true,
  answer: z.object({
    lanes: z.array(z.object({ token_symbol: z.string(), chain_id: z.int(), flush_requested_at: timeAnswer })),
  }),
  answerStatus: 202,
  refusals: ["UNKNOWN_TOKEN"],
  async handle(services, { body, caller, context }) {
    const { ledgerId } = caller
    const registry = await services.registry.current()
    const tokens = matchLanes(registry, body.token_symbol, body.chain_id)
    if ("code" in tokens) return refuseAll([tokens])
    const tokenIds = tokens.map((token) => token.tokenId)
    const requestedAt = await services.db.transaction().execute(async (trx) => {
      // A lane that the batcher has not made yet is made here, so that the request is not lost.
      const { rows } = await sql<{ flush_requested_at: Date }>`
        INSERT INTO settlement.lanes (ledger_id, token_id, flush_requested_at)
        SELECT ${ledgerId}, t.token_id, now() FROM unnest(${tokenIds}::integer[]) AS t(token_id) ORDER BY t.token_id
        ON CONFLICT (ledger_id, token_id) DO UPDATE SET flush_requested_at = excluded.flush_requested_at
        RETURNING flush_requested_at`.execute(trx)
      await recordAction(trx, {
        ...initiatorOf(services, context, caller),
        ledgerId,
        action: "settlement.flush_requested",
        subject: null,
        after: { lanes: tokens.map((token) => nameOfLane(registry, token)) },
      })
      await sql`SELECT pg_notify(${laneChangedChannel}, ${ledgerId})`.execute(trx)
      return rows[0]?.flush_requested_at ?? new Date()
    })
    services.logger.info(
      { actor: caller.actor, ledger_id: ledgerId, token_ids: tokenIds },
      "a flush was asked for",
    )
    return {
      status: 202,
      data: {
        lanes: tokens.map((token) => ({
          token_symbol: token.symbol,
          chain_id: Number(token.chain.chainId),
          flush_requested_at: requestedAt.toISOString(),
        })),
      },
    }
  },
})
