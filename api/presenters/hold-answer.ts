import { z } from "@hono/zod-openapi"
import { formatAmount } from "../../ledger/domain/amount.ts"
import type { RecordedOperation } from "../../ledger/store/read-operation.ts"
import { invariant } from "../../platform/errors.ts"
import type { RegisteredToken } from "../registry/registry-snapshot.ts"
import { amountAnswer, timeAnswer } from "../validation/schemas.ts"
import type { AnswerContext } from "./answer-context.ts"
import type { Answer } from "./envelope.ts"
import { encodeHoldId } from "./hold-id.ts"
import {
  type BatchOutlook,
  type BlockchainSync,
  blockchainSyncSchema,
  presentBatchInfo,
} from "./lane-outlook.ts"
import { encodeTxId } from "./tx-id.ts"

const stepFields = {
  operation_id: z.string(),
  sequence: z.int(),
  hold_id: z.string(),
  position: z.string().openapi({ example: "184467" }),
  user_id: z.string(),
  token_symbol: z.string(),
  chain_id: z.int(),
  amount: amountAnswer.openapi({ description: "What was held when it was placed" }),
  balance: amountAnswer.openapi({ description: "The user's, after this" }),
  locked_balance: amountAnswer,
  available_balance: amountAnswer,
}

export const placedHoldSchema = z.object({ ...stepFields, status: z.literal("open"), expires_at: timeAnswer })

export const releasedHoldSchema = z.object({
  ...stepFields,
  status: z.literal("released"),
  released_amount: amountAnswer,
})

export const capturedHoldSchema = z.object({
  ...stepFields,
  status: z.literal("captured"),
  tx_id: z.string(),
  captured_amount: amountAnswer,
  released_amount: amountAnswer,
  blockchain_sync: blockchainSyncSchema,
})

/** What a first answer says and no event holds: stored with the operation. */
export type HoldAnswerContext = {
  readonly token_symbol: string
  readonly chain_id: number
  readonly decimals: number
  /** Of a capture. */
  readonly sync: BlockchainSync | null
  readonly batch_strategy: string | null
  /** Of a capture, where anything of it was measured. */
  readonly outlook?: BatchOutlook
}

export function holdAnswerContext(
  token: RegisteredToken,
  capture: Pick<AnswerContext, "sync" | "batch_strategy" | "outlook"> | null,
): HoldAnswerContext {
  return {
    token_symbol: token.symbol,
    chain_id: Number(token.chain.chainId),
    decimals: token.decimals,
    sync: capture?.sync ?? null,
    batch_strategy: capture?.batch_strategy ?? null,
    ...(capture?.outlook === undefined ? {} : { outlook: capture.outlook }),
  }
}

/** The answer to a hold that was placed, captured or released, from what is recorded alone. */
export function presentHoldStep(ledgerId: string, operation: RecordedOperation): Answer {
  const { hold } = operation
  invariant(hold !== null, `operation ${operation.operationId} is about no hold`)
  const context = operation.answerContext as HoldAnswerContext
  const amount = (baseUnits: bigint): string => formatAmount(baseUnits, context.decimals)
  const { pending, locked } = hold.after
  const data = {
    operation_id: operation.operationId,
    sequence: operation.sequence,
    hold_id: encodeHoldId(ledgerId, hold.holdPosition),
    position: operation.position.toString(),
    user_id: hold.userId,
    token_symbol: context.token_symbol,
    chain_id: context.chain_id,
    amount: amount(hold.amountBaseUnits),
    balance: amount(pending),
    locked_balance: amount(locked),
    available_balance: amount(pending > locked ? pending - locked : 0n),
  }
  const released_amount = amount(hold.amountBaseUnits - hold.capturedBaseUnits)
  switch (hold.type) {
    case "HoldPlaced":
      return { data: { ...data, status: "open", expires_at: hold.expiresAt?.toISOString() } }
    case "HoldReleased":
      return { data: { ...data, status: "released", released_amount } }
    case "HoldCaptured": {
      invariant(context.sync !== null, `the answer context of ${operation.operationId} lacks its settlement`)
      return {
        data: {
          ...data,
          status: "captured",
          tx_id: encodeTxId(ledgerId, hold.position),
          captured_amount: amount(hold.capturedBaseUnits),
          released_amount,
          blockchain_sync: context.sync,
        },
        batchInfo: presentBatchInfo(context.sync, context.batch_strategy, context.outlook),
      }
    }
  }
}
