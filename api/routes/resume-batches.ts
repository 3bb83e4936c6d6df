import { z } from "@hono/zod-openapi"
import { resumeLanes } from "../../ledger/store/pause-lanes.ts"
import { pausedLaneSchema, presentPausedLane } from "../presenters/lane.ts"
import { refuseAll } from "../refusal.ts"
import { defineRoute } from "../route.ts"
import { laneFields, matchLanes } from "../settlement/match-lanes.ts"

export const resumeBatches = defineRoute({
  method: "post",
  path: "/batches/resume",
  tag: "Settlement",
  summary: "Let paused settlement go on, whoever or whatever paused it",
  auth: "key",
  scopes: ["admin"],
  body: z.strictObject(laneFields),
  isBodyOptional: true,
  answer: z.object({
    lanes: z
      .array(pausedLaneSchema)
      .openapi({ description: "What was paused and goes on now, with the reason that it had" }),
  }),
  refusals: ["UNKNOWN_TOKEN"],
  async handle(services, { body, caller }) {
    const { ledgerId } = caller
    const registry = await services.registry.current()
    const tokens = matchLanes(registry, body.token_symbol, body.chain_id)
    if ("code" in tokens) return refuseAll([tokens])
    const lanes = tokens.map(({ tokenId }) => ({ ledgerId, tokenId }))
    const resumed = await services.db.transaction().execute((trx) => resumeLanes(trx, lanes))
    services.logger.info(
      { key_id: caller.keyId, ledger_id: ledgerId, token_ids: resumed.map((lane) => lane.tokenId) },
      "settlement was resumed",
    )
    return { data: { lanes: resumed.map((lane) => presentPausedLane(registry, lane)) } }
  },
})
