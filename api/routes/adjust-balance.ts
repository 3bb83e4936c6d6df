import { keyedWrite } from "../ledger/keyed-write.ts"
import { adjustmentRefusals, recordAdjustments } from "../ledger/record-adjustments.ts"
import { plainRules } from "../ledger/resolve-adjustments.ts"
import { adjustmentAnswerSchema } from "../presenters/adjustment-answer.ts"
import { defineRoute } from "../route.ts"
import { adjustBalanceBodySchema } from "../validation/adjustment-schemas.ts"

export const adjustBalance = defineRoute({
  method: "post",
  path: "/balance/adjust",
  tag: "Ledger",
  summary: "Record signed changes of balances, all or none",
  permission: "ledger.write",
  body: adjustBalanceBodySchema,
  answer: adjustmentAnswerSchema,
  refusals: adjustmentRefusals,
  handle(services, { body, caller, context }) {
    const { batch_id = null, priority, adjustments } = body
    return recordAdjustments(services, {
      ...keyedWrite("/balance/adjust", { caller, body, context }),
      said: { priority, batch_id, adjustments },
      businessBatchId: batch_id,
      rules: plainRules(priority),
      adjustmentsUnder: () => adjustments,
    })
  },
})
