import { sql } from "kysely"
import { raiseAlarm } from "../store/alarms.ts"
import type { LedgerTransaction } from "../store/ledger-transaction.ts"

/**
 * Raises an alarm for each of these accounts that owes more than it has, and clears those of the others. Only the chain can bring an account there: its tokens left
 * the wallet before its debits arrived.
 * @param pending the accounts' pending balances now, in base units
 */
export async function watchOverdrawn(
  ledger: LedgerTransaction,
  pending: ReadonlyMap<bigint, bigint>,
): Promise<void> {
  const { ledgerId, trx } = ledger
  const subjectOf = (accountId: bigint): string => `${ledgerId}:${accountId}`
  for (const [accountId, balance] of pending) {
    if (balance >= 0n) continue
    await raiseAlarm(trx, {
      kind: "overdrawn",
      subject: subjectOf(accountId),
      ledgerId,
      message: `account ${accountId} owes ${-balance} base units: its tokens left the wallet before its debits reached the chain`,
    })
  }
  const solvent = [...pending].flatMap(([accountId, balance]) => (balance < 0n ? [] : subjectOf(accountId)))
  await sql`
    UPDATE registry.alarms SET cleared_at = now()
    WHERE kind = 'overdrawn' AND cleared_at IS NULL AND subject = ANY(${solvent}::text[])`.execute(trx)
}
