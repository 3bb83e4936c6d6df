import { z } from "@hono/zod-openapi"
import { formatAmount } from "../../ledger/domain/amount.ts"
import type { RecordedOperation } from "../../ledger/store/read-operation.ts"
import { amountAnswer } from "../validation/schemas.ts"
import { adjustmentAnswerExample, adjustmentAnswerSchema, presentAdjustments } from "./adjustment-answer.ts"
import type { AnswerContext } from "./answer-context.ts"
import type { Answer } from "./envelope.ts"

export const assetAdjustmentAnswerSchema = adjustmentAnswerSchema.extend({
  processed_count: z.int(),
  transactions: z.array(
    adjustmentAnswerSchema.shape.transactions.element.extend({
      balance_after: amountAnswer.openapi({ description: "Right after this one" }),
      sync_estimate: adjustmentAnswerSchema.shape.blockchain_sync.shape.estimated_sync_time,
    }),
  ),
})

const [transactionExample] = adjustmentAnswerExample.transactions

export const assetAdjustmentAnswerExample = {
  ...adjustmentAnswerExample,
  processed_count: 1,
  transactions: [{ ...transactionExample, balance_after: "5100.000000000000000000", sync_estimate: "PT5M" }],
}

/** The answer to `POST /balance/adjust`, with what became of the balance at each of the adjustments. */
export function presentAssetAdjustments(ledgerId: string, operation: RecordedOperation): Answer {
  const { data, batchInfo } = presentAdjustments(ledgerId, operation)
  const { tokens, sync } = operation.answerContext as AnswerContext
  return {
    data: {
      ...data,
      processed_count: operation.adjustments.length,
      transactions: data.transactions.map((transaction, index) => {
        const adjustment = operation.adjustments[index]
        const decimals = adjustment === undefined ? undefined : tokens[adjustment.tokenId]?.decimals
        if (adjustment === undefined || decimals === undefined) return transaction
        return {
          ...transaction,
          balance_after: formatAmount(adjustment.balanceAfter, decimals),
          sync_estimate: sync.estimated_sync_time,
        }
      }),
    },
    batchInfo,
  }
}
