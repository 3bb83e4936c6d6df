import { z } from "@hono/zod-openapi"
import { formatAmount } from "../../ledger/domain/amount.ts"
import { invariant } from "../../platform/errors.ts"
import { type ChangeRow, changeStatuses } from "../queries/changes.ts"
import type { RegisteredToken, RegistrySnapshot } from "../registry/registry-snapshot.ts"
import { amountAnswer, hashAnswer, timeAnswer } from "../validation/schemas.ts"
import { encodeHoldId } from "./hold-id.ts"
import { encodeTxId } from "./tx-id.ts"

export const changeStatusSchema = z.enum(changeStatuses)
const settledBySchema = z.enum(["batch", "netting", "chain"]).nullable()

const detailsRedactedSchema = z
  .boolean()
  .openapi({ description: "Whether reason_detail and metadata were erased" })

/** How a change hangs together with others. */
const relatedSchemas = {
  reverses: z.string().nullable().openapi({ description: "tx_id of what this one takes back" }),
  reversed_by: z.string().nullable().openapi({ description: "tx_id of what took this one back" }),
  hold_id: z.string().nullable().openapi({ description: "The hold that this one captures" }),
}

/** A row of a user's history. */
export const historyRowSchema = z.object({
  tx_id: z.string(),
  operation_id: z.string().nullable(),
  timestamp: timeAnswer,
  token_symbol: z.string(),
  chain_id: z.int(),
  amount: amountAnswer,
  balance_before: amountAnswer,
  balance_after: amountAnswer,
  reason_type: z.string(),
  reason_detail: z.string().nullable(),
  business_type: z.string(),
  sync_status: changeStatusSchema,
  settled_by: settledBySchema,
  ...relatedSchemas,
  blockchain_tx: hashAnswer.nullable(),
  block_number: z.int().nullable(),
  batch_id: z.string().nullable(),
  metadata: z.record(z.string(), z.unknown()).nullable(),
  details_redacted: detailsRedactedSchema,
})

/** An adjustment as part of an operation or of a batch. */
export const changeSchema = z.object({
  tx_id: z.string(),
  operation_id: z.string().nullable(),
  user_id: z.string(),
  token_symbol: z.string(),
  chain_id: z.int(),
  amount: amountAnswer,
  balance_after: amountAnswer,
  reason_type: z.string(),
  status: changeStatusSchema,
  settled_by: settledBySchema,
  ...relatedSchemas,
  blockchain_tx: hashAnswer.nullable(),
  block_number: z.int().nullable(),
  batch_id: z.string().nullable(),
  recorded_at: timeAnswer,
})

/** One adjustment, deposit or withdrawal by itself. */
export const transactionSchema = z.object({
  transaction_id: z.string(),
  tx_id: z.string(),
  operation_id: z.string().nullable(),
  sequence: z.int().nullable(),
  business_batch_id: z.string().nullable(),
  user_id: z.string(),
  token_symbol: z.string(),
  chain_id: z.int(),
  amount: amountAnswer,
  balance_before: amountAnswer,
  balance_after: amountAnswer,
  status: changeStatusSchema,
  settled_by: settledBySchema,
  ...relatedSchemas,
  tx_hash: hashAnswer.nullable(),
  block_number: z.int().nullable(),
  confirmations: z.int().nullable(),
  timestamp: timeAnswer,
  confirmed_at: timeAnswer.nullable(),
  gas_used: z.int().nullable().openapi({ description: "Of the whole chain transaction" }),
  gas_shared_by: z.int().nullable().openapi({ description: "Recipients of that transaction" }),
  gas_fee: amountAnswer.nullable().openapi({ description: "Of the whole chain transaction, in native coin" }),
  gas_fee_usd: z.null(),
  explorer_url: z.string().nullable(),
  batch_id: z.string().nullable(),
  reason_type: z.string(),
  reason_detail: z.string().nullable(),
  business_type: z.string(),
  metadata: z.record(z.string(), z.unknown()).nullable(),
  details_redacted: detailsRedactedSchema,
})

const nativeDecimals = 18

export function tokenOf(registry: RegistrySnapshot, tokenId: number): RegisteredToken {
  const token = registry.tokens.get(tokenId)
  invariant(token !== undefined, `token ${tokenId} is in the ledger and not in the registry`)
  return token
}

function commonOf(registry: RegistrySnapshot, ledgerId: string, row: ChangeRow) {
  const token = tokenOf(registry, row.token_id)
  return {
    tx_id: encodeTxId(ledgerId, row.position),
    operation_id: row.operation_id,
    token_symbol: token.symbol,
    chain_id: Number(token.chain.chainId),
    amount: formatAmount(row.amount, token.decimals, true),
    balance_after: formatAmount(row.balance_after, token.decimals),
    reason_type: row.reason_type,
    settled_by: row.settled_by,
    reverses: row.reverses === null ? null : encodeTxId(ledgerId, row.reverses),
    reversed_by: row.reversed_by === null ? null : encodeTxId(ledgerId, row.reversed_by),
    hold_id: row.hold_position === null ? null : encodeHoldId(ledgerId, row.hold_position),
    block_number: row.block_number === null ? null : Number(row.block_number),
    batch_id: row.batch_id,
  }
}

/** What a caller said in free words; null, and marked, where it was erased. */
export function presentDetails(row: Pick<ChangeRow, "details" | "is_redacted">) {
  return {
    reason_detail: row.details?.reason_detail ?? null,
    metadata: row.is_redacted ? null : (row.details?.metadata ?? {}),
    details_redacted: row.is_redacted,
  }
}

function balanceBefore(registry: RegistrySnapshot, row: ChangeRow): string {
  return formatAmount(row.balance_after - row.amount, tokenOf(registry, row.token_id).decimals)
}

export function presentHistoryRow(
  registry: RegistrySnapshot,
  ledgerId: string,
  row: ChangeRow,
): z.infer<typeof historyRowSchema> {
  return {
    ...commonOf(registry, ledgerId, row),
    timestamp: row.recorded_at.toISOString(),
    balance_before: balanceBefore(registry, row),
    business_type: row.business_type,
    sync_status: row.status,
    blockchain_tx: row.tx_hash,
    ...presentDetails(row),
  }
}

export function presentChange(
  registry: RegistrySnapshot,
  ledgerId: string,
  row: ChangeRow,
): z.infer<typeof changeSchema> {
  return {
    ...commonOf(registry, ledgerId, row),
    user_id: row.user_id,
    status: row.status,
    blockchain_tx: row.tx_hash,
    recorded_at: row.recorded_at.toISOString(),
  }
}

/** @param headBlock the chain's newest block, where it is known */
export function presentTransaction(
  registry: RegistrySnapshot,
  ledgerId: string,
  row: ChangeRow,
  headBlock: bigint | null,
): z.infer<typeof transactionSchema> {
  const common = commonOf(registry, ledgerId, row)
  const { chain } = tokenOf(registry, row.token_id)
  const isMined = row.block_number !== null && headBlock !== null && headBlock >= row.block_number
  const fee =
    row.gas_used === null || row.effective_gas_price === null
      ? null
      : formatAmount(row.gas_used * row.effective_gas_price, nativeDecimals)
  return {
    ...common,
    transaction_id: common.tx_id,
    sequence: row.sequence,
    business_batch_id: row.business_batch_id,
    user_id: row.user_id,
    balance_before: balanceBefore(registry, row),
    status: row.status,
    tx_hash: row.tx_hash,
    confirmations: isMined ? Number(headBlock - (row.block_number ?? 0n)) + 1 : null,
    timestamp: row.recorded_at.toISOString(),
    confirmed_at: row.confirmed_at?.toISOString() ?? null,
    gas_used: row.gas_used === null ? null : Number(row.gas_used),
    gas_shared_by: row.gas_used === null ? null : row.batch_recipients,
    gas_fee: fee,
    gas_fee_usd: null,
    explorer_url: explorerUrl(chain.explorerUrl, row.tx_hash),
    business_type: row.business_type,
    ...presentDetails(row),
  }
}

export function explorerUrl(base: string | null, txHash: string | null): string | null {
  return base === null || txHash === null ? null : `${base.replace(/\/+$/, "")}/tx/${txHash}`
}
