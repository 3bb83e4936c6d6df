import { CompiledQuery, type Kysely, sql, type Transaction } from "kysely"
import { ChainBridgeError, invariant } from "../../platform/errors.ts"
import type { AccountBalance } from "../domain/adjust-balance.ts"
import type { Database } from "./database.ts"
import type { Statement } from "./statement.ts"

/** Where a ledger stands, as known to who holds the lock on its head. */
export type LedgerHead = {
  readonly ledgerId: string
  position: bigint
  /** When the event at `position` was recorded. */
  recordedAt: Date
  hash: Buffer
  accountCount: bigint
  batchCount: bigint
  readonly clock: DatabaseClock
  /** Balances as of `position`, for the accounts that were loaded or touched. */
  readonly balances: Map<bigint, AccountBalance>
}

/** What the database's clock said, and this process's monotonic one (`performance.now()`) when it was asked: the one clock that all who write to a ledger have in common. In milliseconds. */
export type DatabaseClock = { readonly saidMs: number; readonly askedAtMs: number }

/** By how much a process's clock may be ahead of the database's. */
const aheadMsMax = 5_000

/**
 * One database transaction that holds the lock on its ledger's head: nobody else appends to this ledger until it ends. Never talk to a chain, read Ponder's
 * tables or do unbounded work while one is open.
 */
export type LedgerTransaction = LedgerHead & { readonly trx: Transaction<Database> }

export type HeadRow = {
  readonly position: bigint
  readonly recorded_at: Date
  readonly hash: Buffer
  readonly account_count: bigint
  readonly batch_count: bigint
  readonly database_time: Date
}

// NO KEY: appends exclude each other, and a row elsewhere that refers to the ledger does not have to wait for them.
const lockHeadText =
  "SELECT position, recorded_at, hash, account_count, batch_count, clock_timestamp() AS database_time FROM ledger.head WHERE ledger_id = $1 FOR NO KEY UPDATE"

/** Waits for the lock on a ledger's head. What depends on the lock has to be read by a later statement: this one's snapshot is older than its wait. */
export function lockHeadStatement(ledgerId: string): Statement {
  return { name: "ledger-lock-head", text: lockHeadText, values: [ledgerId] }
}

/**
 * Waits for the lock on a ledger's head, and fails the transaction where the head is not this one: for what was decided without the lock. Whoever sees the same hash
 * sees the same log.
 */
export function lockHeadAt(head: Pick<LedgerHead, "ledgerId" | "position" | "hash">): Statement {
  return {
    name: "ledger-lock-head-at",
    text: "SELECT ledger.lock_head_at($1, $2, $3)",
    values: [head.ledgerId, head.position.toString(), head.hash],
  }
}

/** Whether a transaction failed because of lockHeadAt. */
export function isHeadElsewhere(error: unknown): boolean {
  return error instanceof Error && (error as { code?: unknown }).code === "CB001"
}

/** @param askedAtMs by `performance.now()`, before the statement was sent: it may wait for the lock before or after it looks at the clock */
export function readHead(ledgerId: string, row: HeadRow | undefined, askedAtMs: number): LedgerHead {
  if (row === undefined) throw new ChainBridgeError("UNKNOWN_LEDGER", `there is no ledger ${ledgerId}`)
  return {
    ledgerId,
    position: row.position,
    recordedAt: row.recorded_at,
    hash: row.hash,
    accountCount: row.account_count,
    batchCount: row.batch_count,
    clock: { saidMs: row.database_time.getTime(), askedAtMs },
    balances: new Map(),
  }
}

/**
 * When what is appended now is recorded: never before what is there already, whatever the clock says, and not far ahead of the database's clock either. One process with a wrong clock would take a
 * ledger's time there for good: holds and waits would last that much longer, and a balance of now would be one of the past.
 */
export function recordingTime({ recordedAt, clock }: LedgerHead, now: Date): Date {
  const latestMs = clock.saidMs + (performance.now() - clock.askedAtMs) + aheadMsMax
  const at = now.getTime() > latestMs ? new Date(Math.floor(latestMs)) : now
  return at > recordedAt ? at : recordedAt
}

/** Locks the head of one ledger inside a transaction. Several ledgers are locked in the order of their ids. */
export async function lockHead(trx: Transaction<Database>, ledgerId: string): Promise<LedgerTransaction> {
  const askedAtMs = performance.now()
  const { text, values } = lockHeadStatement(ledgerId)
  const { rows } = await trx.executeQuery<HeadRow>(CompiledQuery.raw(text, [...values]))
  return { trx, ...readHead(ledgerId, rows[0], askedAtMs) }
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

/** The balance of an account that has been loaded or opened under this lock. */
export function balanceOf(head: LedgerHead, accountId: bigint): AccountBalance {
  const balance = head.balances.get(accountId)
  invariant(balance !== undefined, `account ${accountId} of ledger ${head.ledgerId} was not loaded`)
  return balance
}
