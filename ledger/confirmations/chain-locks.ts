import type { Transaction } from "kysely"
import type { Database } from "../store/database.ts"
import { type LedgerTransaction, lockHead } from "../store/ledger-transaction.ts"

/** The last block of a chain that confirmations have taken. */
export type ChainCursor = { readonly blockNumber: bigint; readonly blockHash: string }

/** Locks the chain's cursor, the first lock of all, if it still stands where the caller read it. */
export async function lockCursor(
  trx: Transaction<Database>,
  chainId: number,
  expected: ChainCursor,
): Promise<boolean> {
  const row = await trx
    .selectFrom("ledger.chain_cursors")
    .select(["block_number", "block_hash"])
    .where("chain_id", "=", BigInt(chainId))
    .forUpdate()
    .executeTakeFirst()
  return row?.block_number === expected.blockNumber && row.block_hash === expected.blockHash
}

/** Locks the heads in the order of the ledgers' ids. */
export async function lockLedgers(
  trx: Transaction<Database>,
  ledgerIds: readonly string[],
): Promise<Map<string, LedgerTransaction>> {
  const ledgers = new Map<string, LedgerTransaction>()
  for (const ledgerId of [...ledgerIds].sort()) ledgers.set(ledgerId, await lockHead(trx, ledgerId))
  return ledgers
}
