import { z } from "@hono/zod-openapi"
import { formatAmount } from "../../ledger/domain/amount.ts"
import type { RecordedOperation } from "../../ledger/store/read-operation.ts"
import { invariant } from "../../platform/errors.ts"
import { amountAnswer } from "../validation/schemas.ts"
import type { AnswerContext } from "./answer-context.ts"
import type { Answer } from "./envelope.ts"
import { blockchainSyncSchema, presentBatchInfo } from "./lane-outlook.ts"
import { encodeTxId } from "./tx-id.ts"

export const adjustmentAnswerSchema = z.object({
  operation_id: z.string(),
  sequence: z.int(),
  status: z.literal("recorded"),
  adjustments_count: z.int(),
  position: z.string().openapi({ description: "Position of the last event", example: "184467" }),
  transactions: z.array(
    z.object({
      tx_id: z.string(),
      user_id: z.string(),
      amount: amountAnswer,
      status: z.literal("pending"),
    }),
  ),
  balances: z.array(
    z.object({
      user_id: z.string(),
      token_symbol: z.string(),
      balance_before: amountAnswer,
      balance_after: amountAnswer,
      pending_sync: amountAnswer.openapi({
        description: "Signed: all of the account that is not on chain yet",
      }),
    }),
  ),
  blockchain_sync: blockchainSyncSchema,
})

/** For the description of routes that answer so. */
export const adjustmentAnswerExample: z.infer<typeof adjustmentAnswerSchema> = {
  operation_id: "check_ins_20241215",
  sequence: 0,
  status: "recorded",
  adjustments_count: 1,
  position: "184467",
  transactions: [
    {
      tx_id: "tx_EjRWeBI0VngSNFZ4EjRWeAAAAAAAAtCT",
      user_id: "user_123",
      amount: "+100.000000000000000000",
      status: "pending",
    },
  ],
  balances: [
    {
      user_id: "user_123",
      token_symbol: "CPOP",
      balance_before: "5000.000000000000000000",
      balance_after: "5100.000000000000000000",
      pending_sync: "+100.000000000000000000",
    },
  ],
  blockchain_sync: {
    status: "pending",
    will_be_batched: true,
    current_batch_size: 23,
    optimal_batch_size: 25,
    estimated_sync_time: "PT5M",
    next_trigger: "max_wait_time",
  },
}

type Data = z.infer<typeof adjustmentAnswerSchema>

/** The answer to a recorded operation, from its events and its stored context alone: the first time and every time after it is the same. */
export function presentAdjustments(
  ledgerId: string,
  operation: RecordedOperation,
): Answer & { readonly data: Data; readonly batchInfo: object } {
  const context = operation.answerContext as AnswerContext
  const transactions: Data["transactions"] = []
  const balances = new Map<string, Data["balances"][number]>()
  for (const adjustment of operation.adjustments) {
    const token = context.tokens[adjustment.tokenId]
    invariant(token !== undefined, `the answer context of ${operation.operationId} lacks a token`)
    const { symbol, decimals } = token
    transactions.push({
      tx_id: encodeTxId(ledgerId, adjustment.position),
      user_id: adjustment.userId,
      amount: formatAmount(adjustment.amountBaseUnits, decimals, true),
      status: "pending",
    })
    const key = `${adjustment.tokenId}\n${adjustment.userId}`
    const balanceAfter = formatAmount(adjustment.balanceAfter, decimals)
    const pendingSync = formatAmount(adjustment.balanceAfter - adjustment.confirmedAfter, decimals, true)
    const known = balances.get(key)
    if (known === undefined) {
      balances.set(key, {
        user_id: adjustment.userId,
        token_symbol: symbol,
        balance_before: formatAmount(adjustment.balanceAfter - adjustment.amountBaseUnits, decimals),
        balance_after: balanceAfter,
        pending_sync: pendingSync,
      })
    } else {
      known.balance_after = balanceAfter
      known.pending_sync = pendingSync
    }
  }
  const data: Data = {
    operation_id: operation.operationId,
    sequence: operation.sequence,
    status: "recorded",
    adjustments_count: operation.adjustments.length,
    position: operation.position.toString(),
    transactions,
    balances: [...balances.values()],
    blockchain_sync: context.sync,
  }
  return {
    data,
    batchInfo: presentBatchInfo(context.sync, context.batch_strategy, context.outlook),
  }
}
