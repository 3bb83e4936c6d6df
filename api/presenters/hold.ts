import { z } from "@hono/zod-openapi"
import { formatAmount } from "../../ledger/domain/amount.ts"
import type { HoldRow } from "../queries/holds.ts"
import type { RegistrySnapshot } from "../registry/registry-snapshot.ts"
import { amountAnswer, timeAnswer } from "../validation/schemas.ts"
import { presentDetails, tokenOf } from "./change.ts"
import { encodeHoldId } from "./hold-id.ts"
import { encodeTxId } from "./tx-id.ts"

export const holdSchema = z.object({
  hold_id: z.string(),
  operation_id: z.string(),
  sequence: z.int(),
  user_id: z.string(),
  token_symbol: z.string(),
  chain_id: z.int(),
  status: z.enum(["open", "captured", "released", "expired"]),
  amount: amountAnswer.openapi({ description: "What was held when it was placed" }),
  captured_amount: amountAnswer,
  reason_type: z.string(),
  reason_detail: z.string().nullable(),
  metadata: z.record(z.string(), z.unknown()).nullable(),
  details_redacted: z.boolean(),
  placed_at: timeAnswer,
  expires_at: timeAnswer,
  ended_at: timeAnswer.nullable().openapi({
    description: "null while the money is held: for a moment also of a hold whose time is over",
  }),
  tx_id: z.string().nullable().openapi({ description: "The capture" }),
})

/** @param now a hold whose time is over has expired for whoever wants to capture it, although its money comes back with the event that says so */
export function presentHold(
  registry: RegistrySnapshot,
  ledgerId: string,
  row: HoldRow,
  now: Date,
): z.infer<typeof holdSchema> {
  const token = tokenOf(registry, row.token_id)
  const captured = row.state === "captured" ? row.ended_position : null
  return {
    hold_id: encodeHoldId(ledgerId, row.position),
    operation_id: row.operation_id,
    sequence: row.sequence,
    user_id: row.user_id,
    token_symbol: token.symbol,
    chain_id: Number(token.chain.chainId),
    status: row.state === "open" && now >= row.expires_at ? "expired" : row.state,
    amount: formatAmount(row.amount, token.decimals),
    captured_amount: formatAmount(row.captured, token.decimals),
    reason_type: row.data.reason_type,
    ...presentDetails(row),
    placed_at: row.placed_at.toISOString(),
    expires_at: row.expires_at.toISOString(),
    ended_at: row.ended_at?.toISOString() ?? null,
    tx_id: captured === null ? null : encodeTxId(ledgerId, captured),
  }
}
