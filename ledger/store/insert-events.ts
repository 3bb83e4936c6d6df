import type { EncodableEvent } from "../domain/event-encoding.ts"
import {
  type CopyStatement,
  copyBytes,
  copyInt2,
  copyInt4,
  copyInt8,
  copyInto,
  copyNumeric,
  copyText,
  copyTime,
  uuidBytes,
} from "./copy-statement.ts"
import type { Statement } from "./statement.ts"

/** A row of `ledger.events`, ready to be stored. */
export type EventRow = EncodableEvent & {
  readonly detailsJson: string | null
  readonly salt: Buffer | null
  readonly prevHash: Buffer
  readonly hash: Buffer
}

const columns = `ledger_id, position, type, version, operation_id, sequence, account_id, amount, balance_after,
    occurred_at, recorded_at, causation, data, details, salt, details_hash, prev_hash, hash`

const text = `
  INSERT INTO ledger.events (${columns})
  SELECT $1::uuid, e.position, e.type, e.version, e.operation_id, e.sequence, e.account_id, e.amount, e.balance_after,
    e.occurred_at, e.recorded_at, e.causation, e.data::json, e.details::json, e.salt, e.details_hash, e.prev_hash, e.hash
  FROM unnest($2::bigint[], $3::text[], $4::smallint[], $5::text[], $6::integer[], $7::bigint[], $8::numeric[], $9::numeric[],
    $10::timestamptz[], $11::timestamptz[], $12::text[], $13::text[], $14::text[], $15::bytea[], $16::bytea[], $17::bytea[],
    $18::bytea[])
    AS e(position, type, version, operation_id, sequence, account_id, amount, balance_after,
      occurred_at, recorded_at, causation, data, details, salt, details_hash, prev_hash, hash)`

/** Inserts any number of events with one statement. */
export function insertEvents(ledgerId: string, events: Iterable<EventRow>): Statement {
  const rows = [...events]
  return {
    name: "ledger-insert-events",
    text,
    values: [
      ledgerId,
      rows.map((row) => row.position.toString()),
      rows.map((row) => row.type),
      rows.map((row) => row.version),
      rows.map((row) => row.operationId),
      rows.map((row) => row.sequence),
      rows.map((row) => row.accountId?.toString() ?? null),
      rows.map((row) => row.amount?.toString() ?? null),
      rows.map((row) => row.balanceAfter?.toString() ?? null),
      rows.map((row) => row.occurredAt.toISOString()),
      rows.map((row) => row.recordedAt.toISOString()),
      rows.map((row) => row.causation),
      rows.map((row) => row.dataJson),
      rows.map((row) => row.detailsJson),
      rows.map((row) => row.salt),
      rows.map((row) => row.detailsHash),
      rows.map((row) => row.prevHash),
      rows.map((row) => row.hash),
    ],
  }
}

/** The same on a connection that can copy. The rows are taken while they are sent, so that the server stores the first ones while we still hash the last. */
export function copyEvents(ledgerId: string, rows: Iterable<EventRow>): CopyStatement {
  const ledger = uuidBytes(ledgerId)
  return copyInto("ledger.events", columns, rows, (to, row) => {
    copyBytes(to, ledger)
    copyInt8(to, row.position)
    copyText(to, row.type)
    copyInt2(to, row.version)
    copyText(to, row.operationId)
    copyInt4(to, row.sequence)
    copyInt8(to, row.accountId)
    copyNumeric(to, row.amount)
    copyNumeric(to, row.balanceAfter)
    copyTime(to, row.occurredAt)
    copyTime(to, row.recordedAt)
    copyText(to, row.causation)
    copyText(to, row.dataJson)
    copyText(to, row.detailsJson)
    copyBytes(to, row.salt)
    copyBytes(to, row.detailsHash)
    copyBytes(to, row.prevHash)
    copyBytes(to, row.hash)
  })
}
