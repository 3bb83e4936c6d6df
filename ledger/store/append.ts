import { ChainBridgeError, invariant } from "../../platform/errors.ts"
import { emptyBalance } from "../domain/adjust-balance.ts"
import { isConfirmation, leavesPoint } from "../domain/balance-points.ts"
import { effectsOf } from "../domain/effects.ts"
import { hashDetails, hashEvent } from "../domain/event-encoding.ts"
import { eventSchemas, eventVersion, type NewEvent, type RecordedEvent } from "../domain/events.ts"
import { projectAccounts } from "../projections/accounts.ts"
import { projectAnchors } from "../projections/anchors.ts"
import { type BalancePoint, projectBalanceHistory } from "../projections/balance-history.ts"
import { projectBalances } from "../projections/balances.ts"
import { projectHolds } from "../projections/holds.ts"
import { projectRedactions } from "../projections/redactions.ts"
import { projectReversals } from "../projections/reversals.ts"
import { projectSettlement } from "../projections/settlement.ts"
import { type EventRow, insertEvents } from "./insert-events.ts"
import {
  balanceOf,
  type LedgerHead,
  type LedgerTransaction,
  loadBalances,
  recordingTime,
} from "./ledger-transaction.ts"
import { takeSalt } from "./salts.ts"
import { runStatements, type Statement } from "./statement.ts"

/** The channel that hears of every commit that appended: payload is the ledger id. */
export const appendedChannel = "ledger_appended"

const moveHeadText = `
  UPDATE ledger.head SET position = $2, recorded_at = $3, hash = $4, account_count = $5, batch_count = $6
  WHERE ledger_id = $1 RETURNING pg_notify('${appendedChannel}', ledger_id::text)`

/**
 * Appends events to the ledger whose head this transaction holds: positions without a gap, the hash chain, and every synchronous projection, all of it visible at the
 * commit or not at all. There is no other way into the event store.
 * @throws ChainBridgeError INVARIANT_VIOLATED when an event contradicts the state before it; the transaction must then be rolled back
 */
export async function append(
  ledger: LedgerTransaction,
  events: readonly NewEvent[],
  now: Date,
): Promise<RecordedEvent[]> {
  if (events.length === 0) return []
  const opened = new Set(
    events.filter((event) => event.type === "AccountOpened").map((event) => event.account?.accountId),
  )
  await loadBalances(
    ledger,
    events.flatMap(effectsOf).flatMap(({ accountId }) => (opened.has(accountId) ? [] : [accountId])),
  )
  const { recorded, statements } = prepareAppend(ledger, events, now, insertEvents)
  await runStatements(ledger.trx, statements)
  await projectSettlement(ledger, recorded)
  await projectAnchors(ledger, recorded)
  return recorded
}

/**
 * The same append without its round trips, for who loaded the balances of every account that the events touch and sends the statements himself, in their order. Moves
 * `head` on. Settlement events and anchors are not for here: their projections look at what is stored.
 * @param storeRows makes the statement that stores the events. It may take the rows while it is sent: they are hashed one by one as they are taken, and all have to be before the next
 *   statement is asked for. What the events contradict has been found before the first one.
 */
export function prepareAppend<Store>(
  head: LedgerHead,
  events: readonly NewEvent[],
  now: Date,
  storeRows: (ledgerId: string, rows: Iterable<EventRow>) => Store,
): { readonly recorded: RecordedEvent[]; readonly statements: Iterable<Statement | Store> } {
  const recordedAt = recordingTime(head, now)
  const firstPosition = head.position + 1n
  const recorded: RecordedEvent[] = []
  const points: BalancePoint[] = []
  const touched = new Map<bigint, { position: bigint; isConfirmed: boolean }>()
  for (const event of events) {
    checkData(event)
    const position = head.position + 1n
    for (const effect of effectsOf(event)) {
      const before =
        event.type === "AccountOpened"
          ? (head.balances.get(effect.accountId) ?? emptyBalance)
          : balanceOf(head, effect.accountId)
      const after = {
        pending: before.pending + effect.pending,
        confirmed: before.confirmed + effect.confirmed,
        locked: before.locked + effect.locked,
      }
      head.balances.set(effect.accountId, after)
      if (leavesPoint(event, effect)) points.push({ accountId: effect.accountId, position, ...after })
      const isConfirmed = touched.get(effect.accountId)?.isConfirmed === true || isConfirmation(event)
      touched.set(effect.accountId, { position, isConfirmed })
    }
    if (event.account !== null) {
      const after = head.balances.get(event.account.accountId)?.pending
      invariant(
        after === event.account.balanceAfter,
        `${event.type} says that the balance of account ${event.account.accountId} becomes ${event.account.balanceAfter}, and it becomes ${after}`,
      )
    }
    recorded.push({ ...event, position, recordedAt })
    head.position = position
    head.recordedAt = recordedAt
    if (event.type === "AccountOpened") head.accountCount += 1n
    if (event.type === "SettlementSealed") head.batchCount += 1n
  }
  // Always in the same order, so that two ledgers' appends can never wait for each other's rows.
  const balances = [...touched]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([accountId, touch]) => ({ accountId, ...touch, ...balanceOf(head, accountId) }))
  function* statements(): Generator<Statement | Store> {
    // Long before the last partition is full; a partition holds several millions.
    if (firstPosition / partitionCheckEvery !== (head.position + 1n) / partitionCheckEvery)
      yield ensurePartitions(head.position + partitionsAhead)
    const rows = chainRows(head, recorded)
    yield storeRows(head.ledgerId, rows)
    invariant(rows.next().done === true, "the events of an append are all stored before anything else")
    if (recorded.some(({ type }) => type === "AccountOpened")) yield projectAccounts(head.ledgerId, recorded)
    if (balances.length > 0) yield projectBalances(head.ledgerId, balances, recordedAt)
    if (points.length > 0) yield projectBalanceHistory(head.ledgerId, points)
    yield* projectHolds(head.ledgerId, recorded)
    yield* projectReversals(head.ledgerId, recorded)
    yield* projectRedactions(head.ledgerId, recorded)
    yield moveHead(head)
  }
  return { recorded, statements: statements() }
}

/** The rows of the events, each hashed onto the one before it when it is taken. */
function* chainRows(head: LedgerHead, events: readonly RecordedEvent[]): Generator<EventRow> {
  for (const event of events) {
    const row = toRow(head, event)
    head.hash = row.hash
    yield row
  }
}

/** Stores where the ledger stands now, and tells who listens at the commit. */
export function moveHead(head: LedgerHead): Statement {
  const { ledgerId, position, recordedAt, hash, accountCount, batchCount } = head
  return {
    name: "ledger-move-head",
    text: moveHeadText,
    values: [
      ledgerId,
      position.toString(),
      recordedAt.toISOString(),
      hash,
      accountCount.toString(),
      batchCount.toString(),
    ],
  }
}

/** Whoever passes a multiple of this sees to the partitions, up to `partitionsAhead` positions on. */
const partitionCheckEvery = 1_000_000n
const partitionsAhead = 5_000_000n

function ensurePartitions(upto: bigint): Statement {
  return {
    name: "ledger-ensure-partitions",
    text: "SELECT ledger.ensure_event_partitions($1::bigint)",
    values: [upto.toString()],
  }
}

function toRow(head: LedgerHead, event: RecordedEvent): EventRow {
  const dataJson = JSON.stringify(event.data)
  const detailsJson = event.details === null ? null : JSON.stringify(event.details)
  const salt = detailsJson === null ? null : takeSalt()
  const row = {
    ledgerId: head.ledgerId,
    position: event.position,
    type: event.type,
    version: eventVersion,
    operationId: event.operation?.operationId ?? null,
    sequence: event.operation?.sequence ?? null,
    accountId: event.account?.accountId ?? null,
    amount: event.account?.amount ?? null,
    balanceAfter: event.account?.balanceAfter ?? null,
    occurredAt: event.occurredAt,
    recordedAt: event.recordedAt,
    causation: event.causation,
    dataJson,
    detailsJson,
    salt,
    detailsHash: salt === null || detailsJson === null ? null : hashDetails(salt, detailsJson),
    prevHash: head.hash,
    hash: head.hash,
  }
  // In place: to copy so many fields for each event is a tenth of what making its row takes.
  row.hash = hashEvent(head.hash, row)
  return row
}

/** What could not be read again must not get into the log. Adjustments are checked by their route, and there are too many of them to do it twice. */
function checkData({ type, data }: NewEvent): void {
  if (type === "AdjustmentRecorded") return
  const { success, error } = eventSchemas[type].safeParse(data)
  if (!success)
    throw new ChainBridgeError("INVARIANT_VIOLATED", `a ${type} has impossible data`, { cause: error })
}
