import { type Kysely, sql, type Transaction } from "kysely"
import { raiseAlarm } from "../store/alarms.ts"
import type { Database } from "../store/database.ts"
import { type ChainCursor, lockCursor, lockLedgers } from "./chain-locks.ts"
import type { ChainBlock } from "./chain-view.ts"
import { chainSubject } from "./followed-chain.ts"
import { findOrphaned, revokeOrphaned } from "./revoke-orphaned.ts"

/**
 * Takes back every confirmation above the newest block of ours that is still part of the chain and rewinds the cursor to it, in one transaction and before anything new is
 * confirmed. The blocks above are read again afterwards.
 * @returns the number of confirmations that were taken back, or `moved` where another worker was faster
 */
export function revokeBlocks(
  db: Kysely<Database>,
  chainId: number,
  step: {
    readonly cursor: ChainCursor
    readonly common: ChainBlock
  },
  now: Date,
): Promise<number | "moved"> {
  return db.transaction().execute(async (trx) => {
    if (!(await lockCursor(trx, chainId, step.cursor))) return "moved"
    const orphaned = await findOrphaned(trx, chainId, step.common.number)
    const ledgers = await lockLedgers(trx, [...new Set(orphaned.map(({ ledgerId }) => ledgerId))])
    await revokeOrphaned(ledgers, orphaned, now)
    await rewindCursor(trx, chainId, step.common, now)
    const blocks = `${step.common.number + 1n} to ${step.cursor.blockNumber}`
    const message = `chain ${chainId} replaced blocks that had been confirmed, of ${blocks}; ${orphaned.length} confirmations were taken back`
    await raiseAlarm(trx, {
      kind: "reorg_below_confirmations",
      subject: chainSubject(chainId),
      ledgerId: null,
      message,
    })
    return orphaned.length
  })
}

async function rewindCursor(
  trx: Transaction<Database>,
  chainId: number,
  common: ChainBlock,
  now: Date,
): Promise<void> {
  await sql`DELETE FROM ledger.confirmed_blocks WHERE chain_id = ${chainId} AND block_number > ${common.number}`.execute(
    trx,
  )
  await sql`
    UPDATE ledger.chain_cursors
    SET block_number = ${common.number}, block_hash = ${common.hash}, block_time = ${common.time}, updated_at = ${now}
    WHERE chain_id = ${chainId}`.execute(trx)
}
