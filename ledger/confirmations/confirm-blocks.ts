import { type Kysely, sql, type Transaction } from "kysely"
import type { ChainLog } from "../domain/chain-log.ts"
import { decideConfirmations } from "../domain/decide-confirmations.ts"
import type { Database } from "../store/database.ts"
import { type LedgerTransaction, lockHead } from "../store/ledger-transaction.ts"
import type { ChainBlock } from "./chain-view.ts"
import { ledgersOf, loadOwnership } from "./load-ownership.ts"
import { recordFindings } from "./record-findings.ts"

export type ChainCursor = { readonly blockNumber: bigint; readonly blockHash: string }
export type ChainToken = { readonly tokenId: number; readonly tokenAddress: string }

/** So many points of the confirmed chain are remembered; a reorg below all of them needs an operator. */
const rememberedBlocks = 1_000

/**
 * Confirms whole blocks: events, projections and the cursor in one transaction, or nothing.
 * @param logs every log of the tokens in the blocks after the cursor up to and including `to`
 * @returns the number of events, or `moved` where another worker was faster
 */
export function confirmBlocks(
  db: Kysely<Database>,
  chain: { readonly chainId: number; readonly tokens: readonly ChainToken[] },
  step: { readonly cursor: ChainCursor; readonly to: ChainBlock; readonly logs: readonly ChainLog[] },
  now: Date,
): Promise<number | "moved"> {
  return db.transaction().execute(async (trx) => {
    if (!(await lockCursor(trx, chain.chainId, step.cursor))) return "moved"
    const ledgers = await lockLedgers(
      trx,
      await ledgersOf(
        trx,
        chain.tokens.map((token) => token.tokenId),
        step.logs,
      ),
    )
    let appended = 0
    for (const token of chain.tokens) {
      const logs = step.logs.filter((log) => log.address === token.tokenAddress)
      if (logs.length === 0) continue
      const ownership = await loadOwnership(trx, token.tokenId, chain.chainId, [...ledgers.keys()], logs)
      appended += await recordFindings(trx, ledgers, decideConfirmations(logs, ownership), now)
    }
    await moveCursor(trx, chain.chainId, step.to, now)
    return appended
  })
}

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

async function moveCursor(
  trx: Transaction<Database>,
  chainId: number,
  to: ChainBlock,
  now: Date,
): Promise<void> {
  await sql`
    UPDATE ledger.chain_cursors
    SET block_number = ${to.number}, block_hash = ${to.hash}, block_time = ${to.time}, updated_at = ${now}
    WHERE chain_id = ${chainId}`.execute(trx)
  await sql`
    INSERT INTO ledger.confirmed_blocks (chain_id, block_number, block_hash)
    VALUES (${chainId}, ${to.number}, ${to.hash})`.execute(trx)
  await sql`
    DELETE FROM ledger.confirmed_blocks WHERE chain_id = ${chainId} AND block_number <= (
      SELECT block_number FROM ledger.confirmed_blocks WHERE chain_id = ${chainId}
      ORDER BY block_number DESC OFFSET ${rememberedBlocks} LIMIT 1)`.execute(trx)
}
