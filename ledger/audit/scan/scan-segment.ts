import type pg from "pg"
import { copyOut } from "../../../platform/copy-out.ts"
import { ChainBridgeError } from "../../../platform/errors.ts"
import { limbCount, parseLimbs } from "../../domain/decimal-limbs.ts"
import { isChange } from "../../domain/events.ts"
import { blockSize, createBlockRoots } from "../../domain/merkle-blocks.ts"
import type { Priority } from "../../domain/priority.ts"
import { parseEvent } from "../../store/read-events.ts"
import { checkRow } from "./check-row.ts"
import {
  column,
  type EventRow,
  fieldBytes,
  fieldNumber,
  fieldText,
  fieldTimeMs,
  forEachEventRow,
  isNull,
  selectEventRows,
} from "./event-row.ts"
import { readPlainAdjustment } from "./plain-adjustment.ts"
import { readItemBatch, readItemState } from "./read-item.ts"
import { type Segment, segmentKind } from "./segment.ts"
import { noOperations, trackOperation } from "./track-operations.ts"
import { createWholeRows, type WholeRows } from "./whole-events.ts"

/**
 * Reads the events of these positions and checks all that they say by themselves and about their neighbours.
 * @param client in a transaction, and doing nothing else
 * @param part.from one more than a multiple of the block size of the Merkle tree
 * @param part.bytesMax of events that are handed on whole: behind the block in which they reach it the segment is cut, and the rest of the rows is let go
 */
export async function scanSegment(
  client: pg.ClientBase,
  ledgerId: string,
  secret: Uint8Array,
  part: { readonly from: number; readonly to: number; readonly bytesMax: number },
): Promise<Segment> {
  const { from, to, bytesMax } = part
  const segment = emptySegment(from, to - from + 1)
  const roots = createBlockRoots()
  const whole = createWholeRows()
  await copyOut(
    client,
    selectEventRows(ledgerId, from, to),
    forEachEventRow((row) => {
      if (segment.problem !== undefined || segment.isCut) return
      if (whole.length >= bytesMax && segment.count % blockSize === 0) {
        segment.isCut = true
        return
      }
      const problem = addEvent(segment, whole, row, secret)
      if (problem !== null) {
        segment.problem = { position: BigInt(fieldNumber(row, column.position)), problem }
        return
      }
      roots.add(fieldView(row, column.hash))
      segment.count += 1
    }),
  )
  segment.blockRoots = roots.finish()
  segment.whole = whole.finish()
  return segment
}

function emptySegment(from: number, size: number): Segment {
  return {
    from,
    count: 0,
    isCut: false,
    firstPrevHash: "",
    lastHash: "",
    firstRecordedAtMs: 0,
    lastRecordedAtMs: Number.NEGATIVE_INFINITY,
    kinds: new Uint8Array(size),
    accounts: new Uint32Array(size),
    limbs: new Uint32Array(2 * limbCount * size),
    whole: new Uint8Array(0),
    redacted: [],
    items: undefined,
    operations: noOperations(),
    blockRoots: new Uint8Array(0),
    problem: undefined,
  }
}

/** @returns what does not hold */
function addEvent(segment: Segment, whole: WholeRows, row: EventRow, secret: Uint8Array): string | null {
  const expected = segment.from + segment.count
  if (fieldNumber(row, column.position) !== expected) return `position ${expected} is missing`
  const prevHash = fieldBytes(row, column.prevHash)
  const hash = fieldBytes(row, column.hash)
  if (segment.count === 0) segment.firstPrevHash = prevHash
  else if (prevHash !== segment.lastHash) return "its previous hash is not the hash of the event before it"
  const recordedAtMs = fieldTimeMs(row, column.recordedAt)
  const problem = checkRow(row)
  if (problem !== null) return problem
  if (recordedAtMs < segment.lastRecordedAtMs) return "it was recorded before the event before it"
  if (segment.count === 0) segment.firstRecordedAtMs = recordedAtMs
  const type = fieldBytes(row, column.type)
  try {
    const { priority, requestHash } = addAdjustment(segment, row, type) ?? addWhole(whole, row)
    if (!isNull(row, column.itemState)) addItem(segment, row, priority)
    trackOperation(segment.operations, secret, row, {
      position: expected,
      isFirst: segment.count === 0,
      type,
      requestHash,
    })
  } catch (error) {
    if (error instanceof ChainBridgeError) return error.message
    throw error
  }
  if (!isNull(row, column.detailsHash) && isNull(row, column.details)) segment.redacted.push(expected)
  segment.lastHash = hash
  segment.lastRecordedAtMs = recordedAtMs
  return null
}

type Said = { readonly priority: Priority | undefined; readonly requestHash: string | undefined }

/** @returns undefined for what is no adjustment in its usual form */
function addAdjustment(segment: Segment, row: EventRow, type: string): Said | undefined {
  if (type !== "AdjustmentRecorded" || fieldBytes(row, column.version) !== "1") return undefined
  if (isNull(row, column.accountId) || isNull(row, column.balanceAfter)) return undefined
  const said = readPlainAdjustment(fieldBytes(row, column.data))
  if (said === undefined) return undefined
  const accountId = fieldNumber(row, column.accountId)
  const at = 2 * limbCount * segment.count
  if (accountId > 0xffffffff || !addLimbs(segment, row, column.amount, at)) return undefined
  if (!addLimbs(segment, row, column.balanceAfter, at + limbCount)) return undefined
  segment.kinds[segment.count] = segmentKind.adjustment
  segment.accounts[segment.count] = accountId
  return said
}

/** Of 2^256 − 1. What is as long is for the fold to judge; a balance that is shorter cannot be beyond it. */
const uint256Digits = 78

function addLimbs(
  { limbs }: Segment,
  { bytes, start, length }: EventRow,
  field: number,
  at: number,
): boolean {
  const from = start[field] ?? 0
  const size = length[field] ?? -1
  return size < uint256Digits && parseLimbs(limbs, at, bytes, from, from + size)
}

/** @throws ChainBridgeError UNREADABLE_EVENT */
function addWhole(whole: WholeRows, row: EventRow): Said {
  const number = (field: number) => (isNull(row, field) ? null : BigInt(fieldBytes(row, field)))
  const event = parseEvent({
    ledgerId: fieldBytes(row, column.ledgerId),
    position: BigInt(fieldNumber(row, column.position)),
    type: fieldText(row, column.type) ?? "",
    version: fieldNumber(row, column.version),
    operationId: fieldText(row, column.operationId),
    sequence: isNull(row, column.sequence) ? null : fieldNumber(row, column.sequence),
    accountId: number(column.accountId),
    amount: number(column.amount),
    balanceAfter: number(column.balanceAfter),
    occurredAt: new Date(fieldTimeMs(row, column.occurredAt)),
    recordedAt: new Date(fieldTimeMs(row, column.recordedAt)),
    causation: fieldText(row, column.causation) ?? "",
    dataJson: fieldText(row, column.data) ?? "",
    // Whoever replays an event asks for none of these.
    detailsJson: null,
    salt: null,
    detailsHash: null,
    prevHash: noBytes,
    hash: noBytes,
  })
  whole.add(row)
  const { request_hash: requestHash } = event.data as { request_hash?: string }
  return { priority: isChange(event) ? event.data.priority : undefined, requestHash }
}

const noBytes = Buffer.alloc(0)

function addItem(segment: Segment, row: EventRow, priority: Priority | undefined): void {
  segment.items ??= {
    states: new Uint8Array(segment.kinds.length),
    batches: new Uint32Array(segment.kinds.length),
  }
  segment.items.states[segment.count] = readItemState(row, priority)
  segment.items.batches[segment.count] = readItemBatch(row)
}

function fieldView({ bytes, start, length }: EventRow, field: number): Uint8Array {
  const from = start[field] ?? 0
  return bytes.subarray(from, from + (length[field] ?? 0))
}
