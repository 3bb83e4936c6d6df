import { z } from "@hono/zod-openapi"
import { executeCommand } from "../ledger/execute-command.ts"
import { keyedWrite } from "../ledger/keyed-write.ts"
import { refuseCommand } from "../ledger/refuse-command.ts"
import { checkDetails, findUnsupportedDebit } from "../ledger/resolve-adjustments.ts"
import { adjustmentAnswerSchema, presentAdjustments } from "../presenters/adjustment-answer.ts"
import { answerContextOf } from "../presenters/answer-context.ts"
import { tokenOf } from "../presenters/change.ts"
import { decodeTxId } from "../presenters/tx-id.ts"
import { readOriginal } from "../queries/originals.ts"
import { isRefusal, refuseAll } from "../refusal.ts"
import { defineRoute } from "../route.ts"
import { detailsFields, keyFields } from "../validation/hold-schemas.ts"

const path = "/adjustments/{tx_id}/reverse"

export const reverseAdjustment = defineRoute({
  method: "post",
  path,
  tag: "Ledger",
  summary: "Take an adjustment back by its opposite, once only",
  permission: "ledger.write",
  params: z.object({ tx_id: z.string().openapi({ example: "tx_EjRWeBI0VngSNFZ4EjRWeAAAAAAAAtCT" }) }),
  body: z.strictObject({ ...keyFields, ...detailsFields }),
  isBodyOptional: true,
  answer: adjustmentAnswerSchema.extend({
    reverses: z.string().openapi({ description: "tx_id of what was taken back" }),
  }),
  refusals: [
    "UNKNOWN_TRANSACTION",
    "ALREADY_REVERSED",
    "NOT_REVERSIBLE",
    "INSUFFICIENT_BALANCE",
    "DEBIT_NOT_SUPPORTED",
    "BALANCE_OUT_OF_RANGE",
    "UNKNOWN_REASON",
    "METADATA_NOT_ALLOWED",
    "IDEMPOTENCY_CONFLICT",
    "IDEMPOTENCY_KEY_MISMATCH",
    "OVERLOADED",
  ],
  handle(services, { params, body, caller, context }) {
    const { ledgerId } = caller
    const { tx_id } = params
    return executeCommand(services, {
      ...keyedWrite(path, { caller, body, context }),
      said: { tx_id, reason_detail: body.reason_detail, metadata: body.metadata },
      async prepare(write) {
        const nothing = { ledgerId, tokenOf: () => undefined, amountField: () => null }
        const position = decodeTxId(ledgerId, tx_id)
        const original =
          position === undefined ? undefined : await readOriginal(services.db, ledgerId, position)
        if (original === undefined) return refuseCommand({ refused: "UNKNOWN_TRANSACTION" }, nothing)
        const registry = await services.registry.current()
        const token = tokenOf(registry, original.tokenId)
        const {
          reason_type: reasonType,
          priority,
          is_immediate: isImmediate,
          max_wait_ms: maxWaitMs,
        } = original.data
        // What the chain did has no reason, and the writer says that it is final.
        const isFact = !("reason_type" in original.data)
        const isCredit = !isFact && original.amountBaseUnits > 0n
        const unsupported = isCredit ? findUnsupportedDebit(token, "tx_id") : null
        if (unsupported !== null) return refuseAll([unsupported])
        const details = isFact ? null : checkDetails(registry, reasonType, body)
        if (details !== null && isRefusal(details)) return details
        const adjustment = { userId: original.userId, reasonType, priority, isImmediate, maxWaitMs }
        return {
          command: {
            kind: "ReverseAdjustment",
            ...write,
            answerContext: answerContextOf(services.lanes, ledgerId, [{ token, adjustment }], new Date()),
            position: original.position,
            details: details ?? { reason_detail: null, metadata: {} },
          },
          subject: { ...nothing, tokenOf: () => token },
        }
      },
      present(operation) {
        const answer = presentAdjustments(ledgerId, operation)
        return { ...answer, data: { ...answer.data, reverses: tx_id } }
      },
    })
  },
})
