import { z } from "@hono/zod-openapi"
import { formatAmount } from "../../ledger/domain/amount.ts"
import { type ChainTransferRow, timeOf } from "../queries/chain-transfers.ts"
import type { ChangeRow } from "../queries/changes.ts"
import type { RegistrySnapshot } from "../registry/registry-snapshot.ts"
import { amountAnswer } from "../validation/schemas.ts"
import { explorerUrl, presentTransaction, tokenOf, transactionSchema } from "./change.ts"

const addressAnswer = z.string().openapi({ example: `0x${"ab".repeat(20)}` })

/** A row of everything that happened to a user: of the ledger, or a transfer on a chain that the ledger has no row of. */
export const userTransactionSchema = transactionSchema
  .pick({
    operation_id: true,
    token_symbol: true,
    chain_id: true,
    amount: true,
    status: true,
    tx_hash: true,
    block_number: true,
    confirmations: true,
    gas_fee: true,
    gas_fee_usd: true,
    timestamp: true,
    explorer_url: true,
    batch_id: true,
    metadata: true,
  })
  .extend({
    source: z.enum(["ledger", "chain"]),
    transaction_id: z.string().nullable().openapi({ description: "Of a ledger row" }),
    type: z.string().openapi({
      description:
        "Of a ledger row its `business_type`; of a transfer `transfer_in`, `transfer_out`, `mint`, `burn`, or `settlement` where a batch brought ledger rows to the chain",
    }),
    asset_type: z.literal("ERC20"),
    chain_name: z.string(),
    from_address: addressAnswer.nullable(),
    to_address: addressAnswer.nullable(),
    reason_type: z.string().nullable(),
    reason_detail: z.string().nullable(),
    log_index: z.int().nullable(),
    log_events: z
      .array(
        z.object({
          event: z.literal("Transfer"),
          contract: addressAnswer,
          from: addressAnswer,
          to: addressAnswer,
          value: amountAnswer.openapi({ description: "Base units", example: "1000000" }),
        }),
      )
      .nullable()
      .openapi({ description: "Of a transfer on the chain, unless `decode_logs=false`" }),
  })

export type UserTransaction = z.infer<typeof userTransactionSchema>

/** @param headBlock the chain's newest block, where it is known */
export function presentLedgerTransaction(
  registry: RegistrySnapshot,
  ledgerId: string,
  row: ChangeRow,
  headBlock: bigint | null,
): UserTransaction {
  const all = presentTransaction(registry, ledgerId, row, headBlock)
  return {
    source: "ledger",
    transaction_id: all.transaction_id,
    operation_id: all.operation_id,
    type: all.business_type,
    asset_type: "ERC20",
    token_symbol: all.token_symbol,
    chain_id: all.chain_id,
    chain_name: tokenOf(registry, row.token_id).chain.name,
    amount: all.amount,
    from_address: null,
    to_address: null,
    status: all.status,
    timestamp: all.timestamp,
    reason_type: all.reason_type,
    reason_detail: all.reason_detail,
    metadata: all.metadata,
    tx_hash: all.tx_hash,
    block_number: all.block_number,
    confirmations: all.confirmations,
    gas_fee: all.gas_fee,
    gas_fee_usd: null,
    explorer_url: all.explorer_url,
    batch_id: all.batch_id,
    log_index: null,
    log_events: null,
  }
}

export function presentChainTransfer(
  registry: RegistrySnapshot,
  row: ChainTransferRow,
  headBlock: bigint | null,
  withLogs: boolean,
): UserTransaction {
  const { symbol, decimals, chain, address: contract } = tokenOf(registry, row.token_id)
  const { from, to } = row
  const amount = (to === row.address ? row.amount : 0n) - (from === row.address ? row.amount : 0n)
  return {
    source: "chain",
    transaction_id: null,
    operation_id: null,
    type: typeOf(row),
    asset_type: "ERC20",
    token_symbol: symbol,
    chain_id: Number(chain.chainId),
    chain_name: chain.name,
    amount: formatAmount(amount, decimals, true),
    from_address: from,
    to_address: to,
    status: row.is_confirmed ? "confirmed" : "submitted",
    timestamp: timeOf(row.block_time).toISOString(),
    reason_type: null,
    reason_detail: null,
    metadata: null,
    tx_hash: row.transaction_hash,
    block_number: Number(row.block_number),
    confirmations:
      headBlock !== null && headBlock >= row.block_number ? Number(headBlock - row.block_number) + 1 : null,
    gas_fee: null,
    gas_fee_usd: null,
    explorer_url: explorerUrl(chain.explorerUrl, row.transaction_hash),
    batch_id: null,
    log_index: row.log_index,
    log_events: withLogs ? [{ event: "Transfer", contract, from, to, value: row.amount.toString() }] : null,
  }
}

const zeroAddress = `0x${"0".repeat(40)}`

function typeOf(row: ChainTransferRow): string {
  if (row.is_settlement) return "settlement"
  if (row.from === zeroAddress) return "mint"
  if (row.to === zeroAddress) return "burn"
  return row.to === row.address ? "transfer_in" : "transfer_out"
}
