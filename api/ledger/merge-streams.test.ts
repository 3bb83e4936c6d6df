import fc from "fast-check"
import { expect, it } from "vitest"
import { mergeStreams, placeAfter, type Stream } from "./merge-streams.ts"

type Row = { readonly source: number; readonly place: number; readonly time: number }

/** A source that shows at most `limit` rows, and of its own accord stops after `step`, as a bounded search does. */
function read(all: readonly Row[], below: number, limit: number, step: number): Stream<Row, number> {
  const older = all.filter((row) => row.place < below)
  const looked = older.slice(0, step)
  // Every third row is one that the search passes over.
  const listed = looked.filter((row) => row.place % 3 !== 0)
  const last = looked.at(-1)
  const isCut = listed.length < limit && last !== undefined && looked.length < older.length
  return {
    begun: below,
    entries: listed.slice(0, limit).map((row) => ({ time: row.time, place: row.place, row })),
    floor: isCut ? { place: last.place, time: last.time } : null,
  }
}

it("shows every row of every source once, newest first, however the pages fall", () => {
  const times = fc.array(fc.nat(40), { maxLength: 30 }).map((list) => list.sort((a, b) => b - a))
  fc.assert(
    fc.property(
      fc.array(times, { minLength: 1, maxLength: 4 }),
      fc.integer({ min: 1, max: 7 }),
      fc.integer({ min: 1, max: 9 }),
      (sources, limit, step) => {
        const all = sources.map((list, source) =>
          list.map((time, index) => ({ source, place: list.length - index, time })),
        )
        const seen: Row[] = []
        let below = all.map(() => Number.MAX_SAFE_INTEGER)
        for (let pages = 0; ; pages += 1) {
          expect(pages).toBeLessThan(500)
          const streams = all.map((rows, index) => read(rows, below[index] ?? 0, limit + 1, step))
          const page = mergeStreams(streams, limit)
          seen.push(...page.rows)
          below = streams.map((stream, index) => placeAfter(stream, page.counts[index] ?? 0))
          if (!page.hasMore) break
        }
        const expected = all.flat().filter((row) => row.place % 3 !== 0)
        expect(new Set(seen)).toEqual(new Set(expected))
        expect(seen).toHaveLength(expected.length)
        expect(seen.map((row) => row.time)).toEqual(expected.map((row) => row.time).sort((a, b) => b - a))
      },
    ),
  )
})
