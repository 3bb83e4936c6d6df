import { keyedWrite } from "../ledger/keyed-write.ts"
import { prepareDirected } from "../ledger/prepare-directed.ts"
import { adjustmentRefusals, recordAdjustments } from "../ledger/record-adjustments.ts"
import { plainRules } from "../ledger/resolve-adjustments.ts"
import { adjustmentAnswerExample, adjustmentAnswerSchema } from "../presenters/adjustment-answer.ts"
import { defineRoute } from "../route.ts"
import { deductConsumptionBodySchema } from "../validation/adjustment-schemas.ts"

const route = "/consumption/deduct"

const example = {
  ...adjustmentAnswerExample,
  operation_id: "transfer_fee_4711",
  transactions: adjustmentAnswerExample.transactions.map((transaction) => ({
    ...transaction,
    amount: "-25.500000000000000000",
  })),
  balances: adjustmentAnswerExample.balances.map((balance) => ({
    ...balance,
    balance_after: "4974.500000000000000000",
    pending_sync: "-25.500000000000000000",
  })),
}

export const deductConsumption = defineRoute({
  method: "post",
  path: route,
  tag: "Ledger",
  summary: "Debit what users pay for one service, all or none",
  permission: "ledger.write",
  body: deductConsumptionBodySchema,
  answer: adjustmentAnswerSchema.openapi({ example }),
  refusals: adjustmentRefusals.filter((code) => code !== "METADATA_NOT_ALLOWED"),
  handle(services, { body, caller, context }) {
    const { batch_id = null, priority, consumption, deductions } = body
    const { service_type, service_id, token_symbol, chain_id } = consumption
    return recordAdjustments(services, {
      ...keyedWrite(route, { caller, body, context }),
      said: { priority, batch_id, consumption, deductions },
      businessBatchId: batch_id,
      rules: { ...plainRules(priority), list: "deductions", direction: "debited", isOwnMetadata: true },
      adjustmentsUnder: (registry) =>
        prepareDirected(
          registry,
          {
            group: "consumption",
            kindField: "service_type",
            kind: service_type,
            otherwise: "consumption",
            token_symbol,
            chain_id,
          },
          deductions.map(({ user_id, amount, reason }) => ({
            user_id,
            amount,
            reason_detail: reason,
            metadata: { service_type, service_id },
          })),
        ),
    })
  },
})
