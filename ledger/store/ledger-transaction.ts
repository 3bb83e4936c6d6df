import { type Kysely, sql, type Transaction } from "kysely"
import { ChainBridgeError, invariant } from "../../platform/errors.ts"
import type { AccountBalance } from "../domain/adjust-balance.ts"
import type { Database } from "./database.ts"

/**
 * One database transaction that holds the lock on its ledger's head: nobody else appends to this ledger until it ends. Never talk to a chain, read Ponder's
 * tables or do unbounded work while one is open.
 */
export type LedgerTransaction = {
  readonly trx: Transaction<Database>
  readonly ledgerId: string
  position: bigint
  hash: Buffer
  accountCount: bigint
  batchCount: bigint
  /** Balances as of `position`, for the accounts that were loaded or touched. */
  readonly balances: Map<bigint, AccountBalance>
}

/** Locks the head of one ledger inside a transaction. Several ledgers are locked in the order of their ids. */
export async function lockHead(trx: Transaction<Database>, ledgerId: string): Promise<LedgerTransaction> {
  const head = await trx
    .selectFrom("ledger.head")
    .selectAll()
    .where("ledger_id", "=", ledgerId)
    .forUpdate()
    .executeTakeFirst()
  if (head === undefined) throw new ChainBridgeError("UNKNOWN_LEDGER", `there is no ledger ${ledgerId}`)
  return {
    trx,
    ledgerId,
    position: head.position,
    hash: head.hash,
    accountCount: head.account_count,
    batchCount: head.batch_count,
    balances: new Map(),
  }
}

/** Runs `work` in a transaction that holds the ledger's head. */
export function withHead<Result>(
  db: Kysely<Database>,
  ledgerId: string,
  work: (ledger: LedgerTransaction) => Promise<Result>,
): Promise<Result> {
  return db.transaction().execute(async (trx) => work(await lockHead(trx, ledgerId)))
}

/** Loads the balances of accounts that are not in `ledger.balances` yet. */
export async function loadBalances(ledger: LedgerTransaction, accountIds: Iterable<bigint>): Promise<void> {
  const missing = [...new Set(accountIds)].filter((accountId) => !ledger.balances.has(accountId))
  if (missing.length === 0) return
  const { rows } = await sql<{ account_id: bigint; pending: bigint; confirmed: bigint; locked: bigint }>`
    SELECT b.account_id, b.pending, b.confirmed, b.locked
    FROM unnest(${missing.map(String)}::bigint[]) AS wanted(account_id)
    JOIN ledger.balances b ON b.ledger_id = ${ledger.ledgerId} AND b.account_id = wanted.account_id`.execute(
    ledger.trx,
  )
  for (const row of rows) {
    ledger.balances.set(row.account_id, {
      pending: row.pending,
      confirmed: row.confirmed,
      locked: row.locked,
    })
  }
}

/** The balance of an account that has been loaded or opened in this transaction. */
export function balanceOf(ledger: LedgerTransaction, accountId: bigint): AccountBalance {
  const balance = ledger.balances.get(accountId)
  invariant(balance !== undefined, `account ${accountId} of ledger ${ledger.ledgerId} was not loaded`)
  return balance
}
