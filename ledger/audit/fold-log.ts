import { ChainBridgeError } from "../../platform/errors.ts"
import { leavesPoint } from "../domain/balance-points.ts"
import { limbCount } from "../domain/decimal-limbs.ts"
import { type AccountEffect, effectsOf } from "../domain/effects.ts"
import { genesisHash } from "../domain/event-encoding.ts"
import type { EventType, NewEvent } from "../domain/events.ts"
import { type Replay, replayAdjustment, replayEvent, startReplay } from "../domain/replay.ts"
import { ReplayFault } from "../domain/replay-fault.ts"
import type { Problem } from "./find-difference.ts"
import { createItemPages, type ItemPages } from "./scan/item-pages.ts"
import { addDigest, emptySum, type KeyedSum, textField } from "./scan/keyed-sum.ts"
import { type Segment, type SegmentOperations, segmentKind } from "./scan/segment.ts"
import { joinOperations, noOperations } from "./scan/track-operations.ts"
import { readWholeRows } from "./scan/whole-events.ts"

/** What the segments so far add up to. */
export type FoldedLog = {
  readonly replay: Replay
  /** The last event, its hash (a character a byte) and when it was recorded. */
  end: number
  hash: string
  recordedAtMs: number
  /** Positions of events whose details are gone. */
  readonly erased: number[]
  readonly operations: SegmentOperations
  /** What settlement's table says of the events. */
  readonly items: ItemPages
  /** How many events there are of each type that is handed on whole. */
  readonly counts: Map<EventType, number>
  /** Of the rows that they leave behind in `ledger.balance_history`. */
  readonly points: KeyedSum
  readonly blockRoots: Uint8Array[]
}

export function startFold(): FoldedLog {
  return {
    replay: startReplay(),
    end: 0,
    hash: genesisHash.toString("latin1"),
    recordedAtMs: Number.NEGATIVE_INFINITY,
    erased: [],
    operations: noOperations(),
    items: createItemPages(),
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
    if (segment.items !== undefined) log.items.add(segment.from, segment.count, segment.items)
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
  const { from, count, kinds, accounts, limbs } = segment
  const whole = readWholeRows(segment.whole)
  let position = from
  try {
    for (let index = 0; index < count; index += 1) {
      position = from + index
      if (kinds[index] === segmentKind.adjustment) {
        const at = 2 * limbCount * index
        replayAdjustment(replay, position, accounts[index] ?? 0, limbs, at, at + limbCount)
        continue
      }
      const { value: event } = whole.next()
      if (event === undefined) throw new TypeError(`the event at ${position} was not handed on`)
      const effects = effectsOf(event)
      checkFigures(effects)
      replayEvent(replay, BigInt(position), event)
      counts.set(event.type, (counts.get(event.type) ?? 0) + 1)
      addPoints(log, secret, position, event, effects)
    }
    return null
  } catch (error) {
    if (error instanceof ReplayFault || error instanceof ChainBridgeError)
      return { position: BigInt(position), problem: error.message }
    throw error
  }
}

const uint256Max = 2n ** 256n - 1n

/** No token has more: a chain cannot hold what is beyond it. Plain adjustments are not asked, they have fewer digits. */
function checkFigures(effects: readonly AccountEffect[]): void {
  for (const { accountId, pending, confirmed, locked } of effects) {
    for (const figure of [pending, confirmed, locked]) {
      if (figure > uint256Max || figure < -uint256Max)
        throw new ReplayFault(`account ${accountId}: ${figure} is more than a token can have`)
    }
  }
}

/** What the event made of every account whose confirmed or locked figure it moves, as the table's row. */
function addPoints(
  { replay, points }: FoldedLog,
  secret: Uint8Array,
  position: number,
  event: NewEvent,
  effects: readonly AccountEffect[],
): void {
  for (const effect of effects) {
    const account = replay.accounts.get(effect.accountId)
    if (account === undefined) continue
    const { pending, confirmed, locked } = account
    checkFigures([{ accountId: effect.accountId, pending, confirmed, locked }])
    if (!leavesPoint(event, effect)) continue
    const fields = [effect.accountId, position, pending, confirmed, locked].map((field) =>
      textField(field.toString()),
    )
    addDigest(points, secret, fields.join(""))
  }
}
