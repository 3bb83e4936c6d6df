import { recordAdjustments } from "../ledger/record-adjustments.ts"
import { adjustmentAnswerSchema } from "../presenters/adjustment-answer.ts"
import { defineRoute } from "../route.ts"
import { adjustBalanceBodySchema } from "../validation/adjustment-schemas.ts"

export const adjustBalance = defineRoute({
  method: "post",
  path: "/balance/adjust",
  tag: "Ledger",
  summary: "Record signed changes of balances, all or none",
  auth: "key",
  scopes: ["ledger:write"],
  body: adjustBalanceBodySchema,
  answer: adjustmentAnswerSchema,
  refusals: [
    "INVALID_AMOUNT",
    "UNKNOWN_TOKEN",
    "AMBIGUOUS_TOKEN",
    "UNKNOWN_REASON",
    "METADATA_NOT_ALLOWED",
    "INSUFFICIENT_BALANCE",
    "DEBIT_NOT_SUPPORTED",
    "BALANCE_OUT_OF_RANGE",
    "IDEMPOTENCY_CONFLICT",
    "IDEMPOTENCY_KEY_MISMATCH",
    "OVERLOADED",
  ],
  handle: (services, { body, caller, context }) =>
    recordAdjustments(services, {
      caller,
      route: "/balance/adjust",
      operationId: body.operation_id,
      sequence: body.sequence,
      idempotencyKey: context.req.header("idempotency-key"),
      priority: body.priority,
      businessBatchId: body.batch_id ?? null,
      adjustments: body.adjustments,
    }),
})
