import type { OnCopiedRow } from "../../../platform/copy-out.ts"

/**
 * The columns of a row, in an order that saves the work: a field of a binary COPY is its length in four bytes and its bytes, -1 for NULL, which is how the hashed encoding has its
 * fields. So from the bytes of `prevHash` to the end of `detailsHash` the row is, byte for byte, what the event's hash is taken of; only the two times have to be filled in.
 */
export const column = {
  prevHash: 0,
  tag: 1,
  ledgerId: 2,
  position: 3,
  type: 4,
  version: 5,
  operationId: 6,
  sequence: 7,
  accountId: 8,
  amount: 9,
  balanceAfter: 10,
  occurredAtText: 11,
  recordedAtText: 12,
  causation: 13,
  data: 14,
  detailsHash: 15,
  hash: 16,
  occurredAt: 17,
  recordedAt: 18,
  salt: 19,
  details: 20,
  itemAccountId: 21,
  itemAmount: 22,
  itemRecordedAt: 23,
  itemPriority: 24,
  itemState: 25,
  itemBatch: 26,
} as const
const columnCount = 27

const timeText = "0000-00-00T00:00:00.000Z"

/** Reads the events of these positions, both included, in their order, as {@link column} says, and with them what settlement has taken in of them. */
export function selectEventRows(ledgerId: string, from: number, to: number): string {
  if (!/^[0-9a-f-]{36}$/.test(ledgerId)) throw new TypeError(`${ledgerId} is no ledger's id`)
  return `COPY (
    SELECT e.prev_hash, 'chainbridge-event-1'::text, '${ledgerId}'::text, e.position::text, e.type, e.version::text, e.operation_id, e.sequence::text,
      e.account_id::text, e.amount::text, e.balance_after::text, '${timeText}'::text, '${timeText}'::text, e.causation, e.data, e.details_hash,
      e.hash, e.occurred_at, e.recorded_at, e.salt, e.details,
      i.account_id::text, i.amount::text, i.recorded_at, i.priority, i.state, i.batch_sequence::text
    FROM ledger.event_log e
    LEFT JOIN settlement.batch_items i ON i.ledger_id = e.ledger_id AND i.position = e.position AND i.position >= ${from} AND i.position <= ${to}
    WHERE e.ledger_id = '${ledgerId}' AND e.position >= ${from} AND e.position <= ${to} ORDER BY e.position
  ) TO STDOUT (FORMAT binary)`
}

/** Where the fields of the row at hand are. `length` is -1 for NULL. */
export type EventRow = {
  bytes: Buffer
  readonly start: Int32Array
  readonly length: Int32Array
}

/** Hands each row on with its fields found. The same object every time: it holds until the next row. */
export function forEachEventRow(onEvent: (row: EventRow) => void): OnCopiedRow {
  const row = emptyRow()
  return (bytes) => {
    row.bytes = bytes
    locateFields(row, 2, columnCount)
    onEvent(row)
  }
}

export function emptyRow(): EventRow {
  return {
    bytes: Buffer.alloc(0),
    start: new Int32Array(columnCount),
    length: new Int32Array(columnCount),
  }
}

/**
 * Finds the first `count` fields of the row, which begin at `from`.
 * @returns where they end
 */
export function locateFields({ bytes, start, length }: EventRow, from: number, count: number): number {
  let offset = from
  for (let field = 0; field < count; field += 1) {
    const size = readInt32(bytes, offset)
    start[field] = offset + 4
    length[field] = size
    offset += size < 0 ? 4 : size + 4
  }
  return offset
}

function readInt32(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] ?? 0) << 24) |
    ((bytes[at + 1] ?? 0) << 16) |
    ((bytes[at + 2] ?? 0) << 8) |
    (bytes[at + 3] ?? 0)
  )
}

export function isNull(row: EventRow, field: number): boolean {
  return (row.length[field] ?? -1) < 0
}

/** The field's bytes, a character each: its text where it is ASCII. */
export function fieldBytes(row: EventRow, field: number): string {
  const start = row.start[field] ?? 0
  return row.bytes.toString("latin1", start, start + (row.length[field] ?? 0))
}

/** The field's text; null for NULL. */
export function fieldText(row: EventRow, field: number): string | null {
  if (isNull(row, field)) return null
  const start = row.start[field] ?? 0
  return row.bytes.toString("utf8", start, start + (row.length[field] ?? 0))
}

/** A whole number that is not negative, below 2^53. */
export function fieldNumber(row: EventRow, field: number): number {
  const start = row.start[field] ?? 0
  const end = start + (row.length[field] ?? 0)
  let value = 0
  for (let at = start; at < end; at += 1) value = value * 10 + (row.bytes[at] ?? 0) - 48
  return value
}

const postgresEpochMs = 946_684_800_000

/** A timestamp as milliseconds since 1970; not a whole number where it has microseconds. */
export function fieldTimeMs(row: EventRow, field: number): number {
  const at = row.start[field] ?? 0
  const microseconds = readInt32(row.bytes, at) * 2 ** 32 + (readInt32(row.bytes, at + 4) >>> 0)
  return microseconds / 1_000 + postgresEpochMs
}
