import { sql, type Transaction } from "kysely"
import type { Replay } from "../domain/replay.ts"
import type { ReplayedAccount } from "../domain/replay-accounts.ts"
import type { Database } from "../store/database.ts"
import type { Problem } from "./find-difference.ts"

const pageAccounts = 1_000

type Row = {
  readonly account_id: bigint
  readonly pending: bigint
  readonly confirmed: bigint
  readonly locked: bigint
  readonly position: bigint
  readonly changed_at: Date
  /** When the event at `position` was recorded. */
  readonly recorded_at: Date | null
}

/** Every account of the log has its row in `ledger.balances`, with what the replay gives; there is no other row. */
export async function verifyBalances(
  trx: Transaction<Database>,
  ledgerId: string,
  replay: Replay,
): Promise<Problem | null> {
  let after = 0n
  let found = 0
  for (;;) {
    const { rows } = await sql<Row>`
      SELECT b.account_id, b.pending, b.confirmed, b.locked, b.position, b.changed_at, e.recorded_at
      FROM ledger.balances b
      LEFT JOIN ledger.event_log e ON e.ledger_id = b.ledger_id AND e.position = b.position
      WHERE b.ledger_id = ${ledgerId} AND b.account_id > ${after}
      ORDER BY b.account_id LIMIT ${pageAccounts}`.execute(trx)
    for (const row of rows) {
      const account = replay.accounts.get(row.account_id)
      const problem = account === undefined ? "the log opens no such account" : compare(row, account)
      if (problem !== null) {
        return {
          position: account?.position ?? null,
          problem: `ledger.balances, account ${row.account_id}: ${problem}`,
        }
      }
      after = row.account_id
    }
    found += rows.length
    if (rows.length < pageAccounts) break
  }
  if (found === replay.accounts.size) return null
  return {
    position: null,
    problem: `ledger.balances has ${found} rows, the log opens ${replay.accounts.size} accounts`,
  }
}

function compare(row: Row, account: ReplayedAccount): string | null {
  if (row.pending !== account.pending || row.confirmed !== account.confirmed) {
    return `the table says pending ${row.pending}, confirmed ${row.confirmed}; the log says ${account.pending}, ${account.confirmed}`
  }
  if (row.locked !== account.locked) {
    return `the table says locked ${row.locked}, the log says ${account.locked}`
  }
  if (row.position !== account.position) {
    return `the table says that position ${row.position} touched it last, the log says ${account.position}`
  }
  if (row.recorded_at?.getTime() !== row.changed_at.getTime()) {
    return `the table says that it changed at ${row.changed_at.toISOString()}, the log says ${row.recorded_at?.toISOString()}`
  }
  return null
}
