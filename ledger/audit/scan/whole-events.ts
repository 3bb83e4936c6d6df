import type { NewEvent } from "../../domain/events.ts"
import { column, type EventRow, emptyRow, fieldBytes, fieldText, isNull, locateFields } from "./event-row.ts"

/** The fields that are hashed: those that the replay asks for are among them. */
const keptFields = column.detailsHash + 1

/** Gathers the rows of events that are handed on whole. As bytes they take what they take in the database; as objects, several times that. */
export type WholeRows = {
  readonly length: number
  /** @param row whose data keeps its schema, with its times filled in */
  add(row: EventRow): void
  /** All of them, one behind the other. Memory of their own, that another thread may be given. */
  finish(): Uint8Array
}

export function createWholeRows(): WholeRows {
  const rows: Uint8Array[] = []
  let length = 0
  return {
    get length() {
      return length
    },
    add({ bytes, start, length: lengths }) {
      const last = column.detailsHash
      const end = (start[last] ?? 0) + Math.max(lengths[last] ?? 0, 0)
      const row = Buffer.from(bytes.subarray((start[column.prevHash] ?? 0) - 4, end))
      rows.push(row)
      length += row.length
    },
    finish() {
      const all = new Uint8Array(length)
      let at = 0
      for (const row of rows) {
        all.set(row, at)
        at += row.length
      }
      return all
    },
  }
}

/** The events again, each when it is asked for. They say all that a replay asks for: no operation and no details. */
export function* readWholeRows(bytes: Uint8Array): Generator<NewEvent> {
  const row = emptyRow()
  row.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let offset = 0; offset < bytes.length; ) {
    offset = locateFields(row, offset, keptFields)
    yield eventOf(row)
  }
}

function eventOf(row: EventRow): NewEvent {
  const { accountId, amount, balanceAfter } = column
  const hasAccount = [accountId, amount, balanceAfter].every((field) => !isNull(row, field))
  return {
    type: fieldBytes(row, column.type),
    data: JSON.parse(fieldText(row, column.data) ?? ""),
    operation: null,
    account: hasAccount
      ? {
          accountId: BigInt(fieldBytes(row, accountId)),
          amount: BigInt(fieldBytes(row, amount)),
          balanceAfter: BigInt(fieldBytes(row, balanceAfter)),
        }
      : null,
    occurredAt: new Date(fieldBytes(row, column.occurredAtText)),
    causation: fieldText(row, column.causation) ?? "",
    details: null,
  } as NewEvent
}
