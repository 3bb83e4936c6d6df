import { type Kysely, sql, type Transaction } from "kysely"
import { ChainBridgeError } from "../../platform/errors.ts"
import type { LoggedEvent } from "../domain/audit-line.ts"
import {
  type EventDetails,
  eventSchemas,
  eventVersion,
  isEventType,
  type NewEvent,
} from "../domain/events.ts"
import type { Database } from "./database.ts"

/** An event as it is stored, with the texts that its hash covers. */
export type StoredEvent = LoggedEvent

const columns = sql`ledger_id AS "ledgerId", position, type, version, operation_id AS "operationId", sequence, account_id AS "accountId",
  amount, balance_after AS "balanceAfter", occurred_at AS "occurredAt", recorded_at AS "recordedAt", causation,
  data::text AS "dataJson", details::text AS "detailsJson", salt, details_hash AS "detailsHash", prev_hash AS "prevHash", hash`

/** Reads up to `limit` events after a position, in their order. */
export async function readEvents(
  db: Kysely<Database> | Transaction<Database>,
  ledgerId: string,
  afterPosition: bigint,
  limit: number,
): Promise<StoredEvent[]> {
  const { rows } = await sql<StoredEvent>`
    SELECT ${columns} FROM ledger.event_log WHERE ledger_id = ${ledgerId} AND position > ${afterPosition}
    ORDER BY position LIMIT ${limit}`.execute(db)
  return rows
}

/** Reads up to `limit` events after a position and up to another one, in their order: those of the user's accounts, and those that name no single account, which may be about several. */
export async function readEventsFor(
  db: Kysely<Database>,
  ledgerId: string,
  userId: string,
  range: { readonly after: bigint; readonly upto: bigint; readonly limit: number },
): Promise<StoredEvent[]> {
  const { rows } = await sql<StoredEvent>`
    SELECT ${columns} FROM ledger.event_log WHERE ledger_id = ${ledgerId} AND position > ${range.after} AND position <= ${range.upto}
      AND (account_id IS NULL
        OR account_id = ANY(ARRAY(SELECT account_id FROM ledger.accounts WHERE ledger_id = ${ledgerId} AND user_id = ${userId})))
    ORDER BY position LIMIT ${range.limit}`.execute(db)
  return rows
}

/** Reads the events at these positions, in no order. */
export async function readEventsAt(
  db: Kysely<Database> | Transaction<Database>,
  ledgerId: string,
  positions: readonly bigint[],
): Promise<StoredEvent[]> {
  const { rows } = await sql<StoredEvent>`
    SELECT ${columns} FROM ledger.event_log
    WHERE ledger_id = ${ledgerId} AND position = ANY(${positions.map(String)}::bigint[])`.execute(db)
  return rows
}

/**
 * The stored row as a typed event, validated.
 * @throws ChainBridgeError UNREADABLE_EVENT: a type or version that this program does not know, or data that breaks its schema
 */
export function parseEvent(stored: StoredEvent): NewEvent {
  const { type } = stored
  if (!isEventType(type) || stored.version !== eventVersion) {
    throw new ChainBridgeError(
      "UNREADABLE_EVENT",
      `event ${stored.position} is a ${type} of version ${stored.version}`,
    )
  }
  const data = eventSchemas[type].safeParse(JSON.parse(stored.dataJson))
  if (!data.success) {
    throw new ChainBridgeError("UNREADABLE_EVENT", `event ${stored.position}, a ${type}, breaks its schema`, {
      cause: data.error,
    })
  }
  const { accountId, amount, balanceAfter, operationId, sequence } = stored
  return {
    type,
    data: data.data,
    operation: operationId === null || sequence === null ? null : { operationId, sequence },
    account:
      accountId === null || amount === null || balanceAfter === null
        ? null
        : { accountId, amount, balanceAfter },
    occurredAt: stored.occurredAt,
    causation: stored.causation,
    details: stored.detailsJson === null ? null : (JSON.parse(stored.detailsJson) as EventDetails),
  } as NewEvent
}
