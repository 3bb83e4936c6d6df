import type { Kysely } from "kysely"
import type { Database } from "../../ledger/store/database.ts"
import { ChainBridgeError } from "../../platform/errors.ts"

/** How a chain's transactions are made, as an operator configured it. */
export type TransactionPolicy = {
  readonly confirmationBlocks: bigint
  readonly blockTimeMs: number
  readonly transactionType: "auto" | "eip1559" | "legacy"
  /** Wei per gas; null: no limit. */
  readonly maxFeePerGas: bigint | null
  readonly replaceAfterMs: number
  readonly replaceAfterMaxMs: number
  /** How long a transaction goes to the private relay alone, where there is one; null: always. */
  readonly privateRelayAloneMs: number | null
}

/** @throws ChainBridgeError UNKNOWN_CHAIN */
export async function readTransactionPolicy(
  db: Kysely<Database>,
  chainId: bigint,
): Promise<TransactionPolicy> {
  const row = await db
    .selectFrom("registry.chains")
    .select([
      "confirmation_blocks",
      "block_time_ms",
      "transaction_type",
      "max_fee_per_gas",
      "replace_after_ms",
      "replace_after_max_ms",
      "private_relay_alone_ms",
    ])
    .where("chain_id", "=", chainId)
    .executeTakeFirst()
  if (row === undefined)
    throw new ChainBridgeError("UNKNOWN_CHAIN", `chain ${chainId} is not in the registry`)
  return {
    confirmationBlocks: BigInt(row.confirmation_blocks),
    blockTimeMs: row.block_time_ms,
    transactionType: row.transaction_type,
    maxFeePerGas: row.max_fee_per_gas,
    replaceAfterMs: Number(row.replace_after_ms),
    replaceAfterMaxMs: Number(row.replace_after_max_ms),
    privateRelayAloneMs: row.private_relay_alone_ms === null ? null : Number(row.private_relay_alone_ms),
  }
}
