import { requestedTypes } from "../../domain/events.ts"
import { column, type EventRow, isNull } from "./event-row.ts"
import { addSums, emptySum } from "./keyed-sum.ts"
import { addRun } from "./operation-runs.ts"
import type { SegmentOperations } from "./segment.ts"

const requested: ReadonlySet<string> = new Set(requestedTypes)

/** Follows the operations of a segment, event by event. An operation begins with the event that states its request's hash; its others follow it at once. */
export function trackOperation(
  operations: SegmentOperations,
  secret: Uint8Array,
  row: EventRow,
  event: {
    readonly position: number
    readonly isFirst: boolean
    readonly type: string
    readonly requestHash: string | undefined
  },
): void {
  const { position, isFirst, type, requestHash } = event
  if (isNull(row, column.operationId)) {
    closeRun(operations, secret)
    // An erasure of a user goes on under no key once its first step is recorded.
    if (requested.has(type) && type !== "DetailsRedacted") operations.irregularAt ??= position
    return
  }
  if (!requested.has(type)) operations.irregularAt ??= position
  const key = fields(row, column.operationId, column.sequence)
  if (requestHash !== undefined) {
    closeRun(operations, secret)
    const recordedAt = fields(row, column.recordedAt, column.recordedAt)
    operations.trailing = { key, first: position, last: position, recordedAt, requestHash }
  } else if (operations.trailing?.key === key) {
    operations.trailing.last = position
  } else if (operations.leading?.key === key && operations.leading.last === position - 1) {
    operations.leading.last = position
  } else if (isFirst) {
    operations.leading = { key, last: position }
  } else {
    operations.irregularAt ??= position
  }
}

/** Nothing of the segment goes on with the run any more. */
export function closeRun(operations: SegmentOperations, secret: Uint8Array): void {
  if (operations.trailing === undefined) return
  addRun(operations.sum, secret, operations.trailing)
  operations.trailing = undefined
}

/** Joins the operations of the next segment to those before it. */
export function joinOperations(
  total: SegmentOperations,
  secret: Uint8Array,
  segment: { readonly from: number; readonly count: number; readonly operations: SegmentOperations },
): void {
  const { leading, trailing, sum, irregularAt } = segment.operations
  const end = segment.from + segment.count - 1
  if (leading !== undefined) {
    if (total.trailing?.key === leading.key && total.trailing.last === segment.from - 1)
      total.trailing.last = leading.last
    else total.irregularAt ??= segment.from
  }
  if (leading === undefined || leading.last < end) closeRun(total, secret)
  addSums(total.sum, sum)
  total.irregularAt ??= irregularAt
  if (trailing !== undefined) total.trailing = trailing
}

export function noOperations(): SegmentOperations {
  return { sum: emptySum(), leading: undefined, trailing: undefined, irregularAt: undefined }
}

/** The fields from one to another, with their lengths, a character a byte. */
function fields({ bytes, start, length }: EventRow, from: number, to: number): string {
  return bytes.toString("latin1", (start[from] ?? 0) - 4, (start[to] ?? 0) + Math.max(length[to] ?? 0, 0))
}
