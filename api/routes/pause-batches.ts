import { z } from "@hono/zod-openapi"
import { pauseLanes } from "../../ledger/store/pause-lanes.ts"
import { recordAction } from "../../ledger/store/record-action.ts"
import { initiatorOf } from "../identity/initiator.ts"
import { pausedLaneSchema, presentPausedLane } from "../presenters/lane.ts"
import { refuseAll } from "../refusal.ts"
import { defineRoute } from "../route.ts"
import { laneFields, matchLanes, nameOfLane } from "../settlement/match-lanes.ts"

const askForReason = "say why in 1 to 500 characters: the reason is shown wherever the lane is"

export const pauseBatches = defineRoute({
  method: "post",
  path: "/batches/pause",
  tag: "Settlement",
  summary: "Stop settlement until somebody resumes it: nothing is sealed, nothing new is signed",
  permission: "settlement.operate",
  body: z.strictObject({
    ...laneFields,
    reason: z
      .string(askForReason)
      .trim()
      .regex(/^[^\p{Cc}]{1,500}$/u, askForReason)
      .openapi({ example: "the token is being upgraded" }),
  }),
  answer: z.object({
    lanes: z.array(
      pausedLaneSchema.extend({
        was_paused: z.boolean().openapi({ description: "It was paused before and keeps its first reason" }),
      }),
    ),
  }),
  refusals: ["UNKNOWN_TOKEN"],
  async handle(services, { body, caller, context }) {
    const { ledgerId } = caller
    const registry = await services.registry.current()
    const tokens = matchLanes(registry, body.token_symbol, body.chain_id)
    if ("code" in tokens) return refuseAll([tokens])
    const lanes = tokens.map(({ tokenId }) => ({ ledgerId, tokenId }))
    const paused = await services.db.transaction().execute(async (trx) => {
      const after = await pauseLanes(trx, lanes, { reason: body.reason, by: "operator" })
      const before = after.filter((lane) => lane.wasPaused)
      await recordAction(trx, {
        ...initiatorOf(services, context, caller),
        ledgerId,
        action: "settlement.paused",
        subject: null,
        before: { paused: before.map((lane) => nameOfLane(registry, lane)) },
        after: { paused: after.map((lane) => nameOfLane(registry, lane)), reason: body.reason },
      })
      return after
    })
    services.logger.warn(
      { actor: caller.actor, ledger_id: ledgerId, token_ids: tokens.map((token) => token.tokenId) },
      `settlement was paused: ${body.reason}`,
    )
    return {
      data: {
        lanes: paused.map((lane) => ({
          ...presentPausedLane(registry, lane),
          was_paused: lane.wasPaused,
        })),
      },
    }
  },
})
