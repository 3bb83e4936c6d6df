import { randomBytes } from "node:crypto"
import { sql } from "kysely"
import { invariant } from "../../platform/errors.ts"
import { effectsOf } from "../domain/effects.ts"
import { hashDetails, hashEvent } from "../domain/event-encoding.ts"
import { eventVersion, type NewEvent, type RecordedEvent } from "../domain/events.ts"
import { projectAccounts } from "../projections/accounts.ts"
import { projectBalances } from "../projections/balances.ts"
import { projectSettlement } from "../projections/settlement.ts"
import { type EventRow, insertEvents } from "./insert-events.ts"
import { type LedgerTransaction, loadBalances } from "./ledger-transaction.ts"

/** The channel that hears of every commit that appended: payload is the ledger id. */
export const appendedChannel = "ledger_appended"

/**
 * Appends events to the ledger whose head this transaction holds: positions without a gap, the hash chain, and every synchronous projection, all of it visible at the
 * commit or not at all. There is no other way into the event store.
 * @throws ChainBridgeError INVARIANT_VIOLATED when an event contradicts the state before it; the transaction must then be rolled back
 */
export async function append(
  ledger: LedgerTransaction,
  events: readonly NewEvent[],
  recordedAt: Date,
): Promise<RecordedEvent[]> {
  if (events.length === 0) return []
  const opened = new Set(
    events.filter((event) => event.type === "AccountOpened").map((event) => event.account?.accountId),
  )
  const effects = events.map(effectsOf)
  await loadBalances(
    ledger,
    effects.flat().flatMap(({ accountId }) => (opened.has(accountId) ? [] : [accountId])),
  )
  const rows: EventRow[] = []
  const recorded: RecordedEvent[] = []
  const touched = new Map<bigint, { position: bigint; isConfirmed: boolean }>()
  for (const [index, event] of events.entries()) {
    const position = ledger.position + 1n
    for (const effect of effects[index] ?? []) {
      const isOpening = event.type === "AccountOpened"
      const before =
        ledger.balances.get(effect.accountId) ??
        (isOpening ? { pending: 0n, confirmed: 0n, locked: 0n } : undefined)
      invariant(
        before !== undefined,
        `${event.type} touches account ${effect.accountId}, which was never opened`,
      )
      ledger.balances.set(effect.accountId, {
        pending: before.pending + effect.pending,
        confirmed: before.confirmed + effect.confirmed,
        locked: before.locked,
      })
      const isConfirmed = touched.get(effect.accountId)?.isConfirmed === true || movesConfirmed(event)
      touched.set(effect.accountId, { position, isConfirmed })
    }
    if (event.account !== null) {
      const after = ledger.balances.get(event.account.accountId)?.pending
      invariant(
        after === event.account.balanceAfter,
        `${event.type} says that the balance of account ${event.account.accountId} becomes ${event.account.balanceAfter}, and it becomes ${after}`,
      )
    }
    const row = toRow(ledger, event, position, recordedAt)
    rows.push(row)
    recorded.push({ ...event, position, recordedAt })
    ledger.position = position
    ledger.hash = row.hash
    if (event.type === "AccountOpened") ledger.accountCount += 1n
    if (event.type === "SettlementSealed") ledger.batchCount += 1n
  }
  await insertEvents(ledger.trx, ledger.ledgerId, rows)
  await projectAccounts(ledger, recorded)
  await projectBalances(ledger, touched, recordedAt)
  await projectSettlement(ledger, recorded)
  await sql`
    UPDATE ledger.head SET position = ${ledger.position}, hash = ${ledger.hash},
      account_count = ${ledger.accountCount}, batch_count = ${ledger.batchCount}
    WHERE ledger_id = ${ledger.ledgerId}`.execute(ledger.trx)
  await sql`SELECT pg_notify(${appendedChannel}, ${ledger.ledgerId})`.execute(ledger.trx)
  return recorded
}

function movesConfirmed(event: NewEvent): boolean {
  return event.type !== "AccountOpened" && event.type !== "AdjustmentRecorded"
}

function toRow(ledger: LedgerTransaction, event: NewEvent, position: bigint, recordedAt: Date): EventRow {
  const dataJson = JSON.stringify(event.data)
  const detailsJson = event.details === null ? null : JSON.stringify(event.details)
  const salt = detailsJson === null ? null : randomBytes(16)
  const row = {
    ledgerId: ledger.ledgerId,
    position,
    type: event.type,
    version: eventVersion,
    operationId: event.operation?.operationId ?? null,
    sequence: event.operation?.sequence ?? null,
    accountId: event.account?.accountId ?? null,
    amount: event.account?.amount ?? null,
    balanceAfter: event.account?.balanceAfter ?? null,
    occurredAt: event.occurredAt,
    recordedAt,
    causation: event.causation,
    dataJson,
    detailsJson,
    salt,
    detailsHash: salt === null || detailsJson === null ? null : hashDetails(salt, detailsJson),
    prevHash: ledger.hash,
  }
  return { ...row, hash: hashEvent(ledger.hash, row) }
}
