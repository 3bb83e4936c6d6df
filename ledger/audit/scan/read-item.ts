import { type Priority, priorities } from "../../domain/priority.ts"
import { column, type EventRow, fieldBytes, fieldNumber, isNull } from "./event-row.ts"
import { itemStates, otherState } from "./segment.ts"

/**
 * What the table says of the change: its state, by its place in {@link itemStates}, or `other` where account, amount, time or priority are not the event's.
 * @param priority of the change; absent where the event is none
 */
export function readItemState(row: EventRow, priority: Priority | undefined): number {
  if (isNull(row, column.itemState)) return 0
  const priorityByte = row.bytes[(row.start[column.itemPriority] ?? 0) + 1]
  const isTheEvents =
    priority !== undefined &&
    priorityByte === priorities.indexOf(priority) &&
    isSame(row, column.accountId, column.itemAccountId) &&
    isSame(row, column.amount, column.itemAmount) &&
    isSame(row, column.recordedAt, column.itemRecordedAt)
  if (!isTheEvents) return otherState
  const state = (itemStates as readonly string[]).indexOf(fieldBytes(row, column.itemState))
  return state < 0 ? otherState : state
}

export function readItemBatch(row: EventRow): number {
  return isNull(row, column.itemBatch) ? 0 : fieldNumber(row, column.itemBatch)
}

function isSame({ bytes, start, length }: EventRow, one: number, other: number): boolean {
  const size = length[one] ?? -1
  if (size !== length[other]) return false
  const [left, right] = [start[one] ?? 0, start[other] ?? 0]
  for (let index = 0; index < size; index += 1) {
    if (bytes[left + index] !== bytes[right + index]) return false
  }
  return true
}
