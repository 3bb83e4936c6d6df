import { z } from "@hono/zod-openapi"
import { resumeLanes } from "../../ledger/store/pause-lanes.ts"
import { recordAction } from "../../ledger/store/record-action.ts"
import { initiatorOf } from "../identity/initiator.ts"
import { pausedLaneSchema, presentPausedLane } from "../presenters/lane.ts"
import { refuseAll } from "../refusal.ts"
import { defineRoute } from "../route.ts"
import { laneFields, matchLanes, nameOfLane } from "../settlement/match-lanes.ts"

export const resumeBatches = defineRoute({
  method: "post",
  path: "/batches/resume",
  tag: "Settlement",
  summary: "Let paused settlement go on, whoever or whatever paused it",
  permission: "settlement.operate",
  body: z.strictObject(laneFields),
  isBodyOptional: true,
  answer: z.object({
    lanes: z
      .array(pausedLaneSchema)
      .openapi({ description: "What was paused and goes on now, with the reason that it had" }),
  }),
  refusals: ["UNKNOWN_TOKEN"],
  async handle(services, { body, caller, context }) {
    const { ledgerId } = caller
    const registry = await services.registry.current()
    const tokens = matchLanes(registry, body.token_symbol, body.chain_id)
    if ("code" in tokens) return refuseAll([tokens])
    const lanes = tokens.map(({ tokenId }) => ({ ledgerId, tokenId }))
    const resumed = await services.db.transaction().execute(async (trx) => {
      const before = await resumeLanes(trx, lanes)
      const paused = before.map((lane) => ({ lane: nameOfLane(registry, lane), reason: lane.reason }))
      await recordAction(trx, {
        ...initiatorOf(services, context, caller),
        ledgerId,
        action: "settlement.resumed",
        subject: null,
        before: { paused },
        after: { paused: [] },
      })
      return before
    })
    services.logger.info(
      { actor: caller.actor, ledger_id: ledgerId, token_ids: resumed.map((lane) => lane.tokenId) },
      "settlement was resumed",
    )
    return { data: { lanes: resumed.map((lane) => presentPausedLane(registry, lane)) } }
  },
})
