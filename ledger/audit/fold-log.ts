import { ChainBridgeError } from "../../platform/errors.ts"
import { leavesPoint } from "../domain/balance-points.ts"
import { limbCount } from "../domain/decimal-limbs.ts"
import { effectsOf } from "../domain/effects.ts"
import { genesisHash } from "../domain/event-encoding.ts"
import type { EventType, NewEvent } from "../domain/events.ts"
import { type Replay, replayAdjustment, replayEvent, startReplay } from "../domain/replay.ts"
import { ReplayFault } from "../domain/replay-fault.ts"
import type { Problem } from "./find-difference.ts"
import { addDigest, emptySum, type KeyedSum, textField } from "./scan/keyed-sum.ts"
import { type Segment, type SegmentItems, type SegmentOperations, segmentKind } from "./scan/segment.ts"
import { joinOperations, noOperations } from "./scan/track-operations.ts"

/** What the segments so far add up to. */
export type FoldedLog = {
  readonly replay: Replay
  readonly segmentEvents: number
  /** The last event, its hash (a character a byte) and when it was recorded. */
  end: number
  hash: string
  recordedAtMs: number
  /** Positions of events whose details are gone. */
  readonly erased: number[]
  readonly operations: SegmentOperations
  /** What settlement's table says of the events, by the first position of their segment, where it says something. */
  readonly items: Map<number, SegmentItems>
  /** How many events there are of each type that is handed on whole. */
  readonly counts: Map<EventType, number>
  /** Of the rows that they leave behind in `ledger.balance_history`. */
  readonly points: KeyedSum
  readonly blockRoots: Uint8Array[]
}

export function startFold(segmentEvents: number): FoldedLog {
  return {
    replay: startReplay(),
    segmentEvents,
    end: 0,
    hash: genesisHash.toString("latin1"),
    recordedAtMs: Number.NEGATIVE_INFINITY,
    erased: [],
    operations: noOperations(),
    items: new Map(),
    counts: new Map(),
    points: emptySum(),
    blockRoots: [],
  }
}

/**
 * Joins the next segment to those before it, and replays its events.
 * @returns the first problem of the log
 */
export function foldSegment(log: FoldedLog, secret: Uint8Array, segment: Segment): Problem | null {
  const problem = checkJoin(log, segment) ?? replaySegment(log, secret, segment)
  if (problem !== null) return problem
  if (segment.count > 0) {
    log.end = segment.from + segment.count - 1
    log.hash = segment.lastHash
    log.recordedAtMs = segment.lastRecordedAtMs
    for (const position of segment.redacted) log.erased.push(position)
    joinOperations(log.operations, secret, segment)
    if (segment.items !== undefined) log.items.set(segment.from, segment.items)
    log.blockRoots.push(segment.blockRoots)
  }
  return segment.problem ?? null
}

/** Nothing is missing between the two, and the first event of the one was hashed onto the last of the other, and recorded later. */
function checkJoin(log: FoldedLog, segment: Segment): Problem | null {
  const { from, count, problem } = segment
  const first = count > 0 ? BigInt(from) : problem?.position
  // Nothing is there: where the log goes on, the next segment shows the gap.
  if (first == null) return null
  if (log.end + 1 !== from) return { position: first, problem: `position ${log.end + 1} is missing` }
  if (first !== BigInt(from)) return problem ?? null
  if (segment.firstPrevHash !== log.hash)
    return { position: first, problem: "its previous hash is not the hash of the event before it" }
  if (count > 0 && segment.firstRecordedAtMs < log.recordedAtMs)
    return { position: first, problem: "it was recorded before the event before it" }
  return null
}

function replaySegment(log: FoldedLog, secret: Uint8Array, segment: Segment): Problem | null {
  const { replay, counts } = log
  const { from, count, kinds, accounts, limbs, events } = segment
  let position = from
  let nextWhole = 0
  try {
    for (let index = 0; index < count; index += 1) {
      position = from + index
      if (kinds[index] === segmentKind.adjustment) {
        const at = 2 * limbCount * index
        replayAdjustment(replay, position, accounts[index] ?? 0, limbs, at, at + limbCount)
        continue
      }
      const event = events[nextWhole]
      nextWhole += 1
      if (event === undefined) throw new TypeError(`the event at ${position} was not handed on`)
      replayEvent(replay, BigInt(position), event)
      counts.set(event.type, (counts.get(event.type) ?? 0) + 1)
      addPoints(log, secret, position, event)
    }
    return null
  } catch (error) {
    if (error instanceof ReplayFault || error instanceof ChainBridgeError)
      return { position: BigInt(position), problem: error.message }
    throw error
  }
}

/** What the event made of every account whose confirmed or locked figure it moves, as the table's row. */
function addPoints(
  { replay, points }: FoldedLog,
  secret: Uint8Array,
  position: number,
  event: NewEvent,
): void {
  for (const effect of effectsOf(event)) {
    const account = leavesPoint(event, effect) ? replay.accounts.get(effect.accountId) : undefined
    if (account === undefined) continue
    const { pending, confirmed, locked } = account
    const fields = [effect.accountId, position, pending, confirmed, locked].map((field) =>
      textField(field.toString()),
    )
    addDigest(points, secret, fields.join(""))
  }
}
