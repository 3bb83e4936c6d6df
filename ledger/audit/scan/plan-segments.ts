import { blockSize } from "../../domain/merkle-blocks.ts"
import type { ScanTask } from "./log-scanner.ts"
import type { Segment } from "./segment.ts"

export type SegmentSizes = {
  /** Events that are read at a time: a multiple of the Merkle tree's blocks. */
  readonly segmentEvents?: number
  /** Of events that are no plain adjustments, after which a segment is cut: with the rest of the block in which they reach it. */
  readonly segmentBytes?: number
}

const segmentEventsDefault = 64 * blockSize
const segmentBytesDefault = 8 * 1_024 * 1_024

/** The log up to `last` in segments. Where events are large, the next ones are shorter, so that few of them have to be cut: what was read behind a cut was read in vain. */
export function planSegments(
  last: number,
  { segmentEvents = segmentEventsDefault, segmentBytes: bytesMax = segmentBytesDefault }: SegmentSizes,
): { readonly tasks: Iterable<ScanTask>; adapt(segment: Segment): void } {
  let size = segmentEvents
  function* tasks(): Generator<ScanTask> {
    for (let from = 1; from <= last; ) {
      const to = Math.min(last, from + size - 1)
      yield { kind: "events", from, to, bytesMax }
      from = to + 1
    }
  }
  return {
    tasks: tasks(),
    adapt({ isCut, count, whole }) {
      if (isCut) size = count
      else if (2 * whole.length < bytesMax) size = Math.min(2 * size, segmentEvents)
    },
  }
}
