import { z } from "@hono/zod-openapi"
import { formatAmount } from "../../ledger/domain/amount.ts"
import { type DeadLetterRow, deadLetterStatuses } from "../queries/dead-letters.ts"
import type { RegistrySnapshot } from "../registry/registry-snapshot.ts"
import { amountAnswer, hashAnswer, timeAnswer } from "../validation/schemas.ts"
import { tokenOf } from "./change.ts"
import { decodePosition, encodePosition } from "./tx-id.ts"

export const deadLetterStatusSchema = z.enum(deadLetterStatuses)

export const deadLetterSchema = z.object({
  dead_letter_id: z.string(),
  user_id: z.string(),
  token_symbol: z.string(),
  chain_id: z.int(),
  address: z.string().openapi({ description: "The user's address on the chain" }),
  reason: z.string().openapi({ description: "What the chain answered", example: "AccountFrozen(0x…)" }),
  batch_id: hashAnswer.nullable().openapi({
    description: "The batch that was taken apart for it; null where the chain skipped a debit too often",
  }),
  changes: z.int().openapi({ description: "Changes that it keeps from being settled now" }),
  amount: amountAnswer.openapi({ description: "Their sum, with its sign" }),
  status: deadLetterStatusSchema,
  opened_at: timeAnswer,
  closed_at: timeAnswer.nullable(),
  closed_by: z.string().nullable(),
})

export function presentDeadLetter(
  registry: RegistrySnapshot,
  ledgerId: string,
  row: DeadLetterRow,
): z.infer<typeof deadLetterSchema> {
  const token = tokenOf(registry, row.token_id)
  return {
    dead_letter_id: encodePosition("dead_letter_", ledgerId, row.dead_letter_id),
    user_id: row.user_id,
    token_symbol: token.symbol,
    chain_id: Number(token.chain.chainId),
    address: row.address,
    reason: row.reason,
    batch_id: row.batch_id,
    changes: Number(row.changes),
    amount: formatAmount(row.amount, token.decimals, true),
    status: row.status,
    opened_at: row.opened_at.toISOString(),
    closed_at: row.closed_at?.toISOString() ?? null,
    closed_by: row.closed_by,
  }
}

/** @returns undefined for what is no id of this ledger */
export function decodeDeadLetterId(ledgerId: string, id: string): bigint | undefined {
  return decodePosition("dead_letter_", ledgerId, id)
}
