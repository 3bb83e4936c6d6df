import { type Kysely, sql } from "kysely"
import { decideExpireHold } from "../domain/expire-hold.ts"
import { append } from "../store/append.ts"
import type { Database } from "../store/database.ts"
import { balanceOf, loadBalances, recordingTime, withHead } from "../store/ledger-transaction.ts"

/**
 * Ends those of these holds of one ledger whose time is over, in one transaction. Under the head's lock it looks again: what was captured or released in the meantime has ended.
 * @param positions not too many: everybody who writes to the ledger waits
 * @returns how many have expired
 */
export async function expireHolds(
  db: Kysely<Database>,
  ledgerId: string,
  positions: readonly bigint[],
  now: Date,
): Promise<number> {
  return withHead(db, ledgerId, async (ledger) => {
    const at = recordingTime(ledger, now)
    const { rows } = await sql<{ position: bigint; account_id: bigint; amount: bigint; expires_at: Date }>`
      SELECT position, account_id, amount, expires_at FROM ledger.holds
      WHERE ledger_id = ${ledgerId} AND position = ANY(${positions.map(String)}::bigint[]) AND state = 'open'
      ORDER BY position`.execute(ledger.trx)
    await loadBalances(
      ledger,
      rows.map((row) => row.account_id),
    )
    const events = rows.flatMap((row) => {
      const { position, account_id: accountId, amount: amountBaseUnits, expires_at: expiresAt } = row
      const hold = { position, accountId, amountBaseUnits, expiresAt }
      return decideExpireHold(hold, balanceOf(ledger, accountId).pending, at) ?? []
    })
    await append(ledger, events, at)
    return events.length
  })
}
