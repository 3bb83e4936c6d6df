import { z } from "@hono/zod-openapi"
import { recordAction } from "../../ledger/store/record-action.ts"
import { requestCancellation } from "../../ledger/store/request-cancellation.ts"
import { unreachable } from "../../platform/errors.ts"
import { initiatorOf } from "../identity/initiator.ts"
import { refuse } from "../refusal.ts"
import { defineRoute } from "../route.ts"

const overStates = ["cancelled", "confirmed", "dead_letter"] as const
const askForReason = "say why in 1 to 500 characters"

export const cancelBatch = defineRoute({
  method: "post",
  path: "/batches/{batch_id}/cancel",
  tag: "Settlement",
  summary: "Take a batch's id out of use on the chain, so that its changes can be settled by another one",
  permission: "settlement.operate",
  params: z.object({ batch_id: z.string().openapi({ example: `0x${"0".repeat(63)}1` }) }),
  body: z.strictObject({
    reason: z
      .string(askForReason)
      .trim()
      .regex(/^[^\p{Cc}]{1,500}$/u, askForReason)
      .openapi({ example: "its transaction reverts every time" }),
  }),
  answer: z.object({
    batch_id: z.string(),
    status: z.enum(["cancelling", ...overStates]).openapi({
      description:
        "The chain decides: transactions that were sent before may settle the batch first. Asked again, it says how that ended",
    }),
    requested_at: z.string(),
    requested_by: z.string(),
    reason: z.string(),
    was_requested: z
      .boolean()
      .openapi({ description: "It was asked for before, and keeps its first reason" }),
  }),
  refusals: ["UNKNOWN_BATCH", "BATCH_NOT_CANCELLABLE", "CANCELLATION_UNSUPPORTED"],
  async handle(services, { params, body, caller, context }) {
    const { ledgerId } = caller
    const batchId = params.batch_id.toLowerCase()
    const unknown = () =>
      refuse("UNKNOWN_BATCH", "batch_id", "pass a batch_id of GET /batches, 0x and 64 hex digits")
    if (!/^0x[0-9a-f]{64}$/.test(batchId)) return unknown()
    const result = await services.db.transaction().execute(async (trx) => {
      const asked = await requestCancellation(trx, {
        ...{ ledgerId, batchId, reason: body.reason, at: new Date() },
        requestedBy: caller.actor,
      })
      if (!("refused" in asked) && asked.isNew)
        await recordAction(trx, {
          ...initiatorOf(services, context, caller),
          ledgerId,
          action: "batch.cancel_requested",
          subject: batchId,
          before: { state: asked.state },
          after: { state: "cancelling", reason: asked.reason },
        })
      return asked
    })
    if ("refused" in result) {
      const { refused } = result
      switch (refused) {
        case "UNKNOWN_BATCH":
          return unknown()
        case "BATCH_NOT_CANCELLABLE":
          return refuse(
            refused,
            "batch_id",
            `it is ${result.state}; only a batch that is not on the chain yet can be cancelled`,
          )
        case "CANCELLATION_UNSUPPORTED":
          return refuse(
            refused,
            "batch_id",
            `its token is settled by ${result.settlementMode}, which knows no ids that could be taken out of use`,
          )
        default:
          return unreachable(refused)
      }
    }
    if (result.isNew)
      services.logger.warn(
        { actor: caller.actor, ledger_id: ledgerId, batch_id: batchId },
        `a batch is being cancelled: ${result.reason}`,
      )
    const status = overStates.find((state) => state === result.state) ?? ("cancelling" as const)
    return {
      data: {
        ...{ batch_id: batchId, status, reason: result.reason },
        requested_at: result.requestedAt.toISOString(),
        requested_by: result.requestedBy,
        was_requested: !result.isNew,
      },
    }
  },
})
