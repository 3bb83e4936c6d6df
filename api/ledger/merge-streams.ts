/** The next rows of one source, newest first; times in milliseconds. */
export type Stream<Row, Place> = {
  readonly entries: readonly { readonly time: number; readonly place: Place; readonly row: Row }[]
  /** Where the source was read from. */
  readonly begun: Place
  /** Where it goes on, and from what time down, when it was not read far enough to know its next rows; null where these are enough, or the last. */
  readonly floor: { readonly place: Place; readonly time: number } | null
}

type MergedPage<Row> = {
  readonly rows: readonly Row[]
  /** How many of each source are among them. */
  readonly counts: readonly number[]
  readonly hasMore: boolean
}

/** The newest rows of several sources as one list. A row is taken only where no source can have a newer one that it has not shown yet: such a page may be short, or empty. */
export function mergeStreams<Row>(streams: readonly Stream<Row, unknown>[], limit: number): MergedPage<Row> {
  const floors = streams.flatMap(({ floor }) => (floor === null ? [] : [floor.time]))
  const horizon = Math.max(Number.NEGATIVE_INFINITY, ...floors)
  const counts = streams.map(() => 0)
  const rows: Row[] = []
  while (rows.length < limit) {
    let newest: { readonly index: number; readonly time: number; readonly row: Row } | undefined
    for (const [index, { entries }] of streams.entries()) {
      const entry = entries[counts[index] ?? 0]
      if (entry === undefined || entry.time < horizon) continue
      if (newest === undefined || entry.time > newest.time) newest = { index, ...entry }
    }
    if (newest === undefined) break
    counts[newest.index] = (counts[newest.index] ?? 0) + 1
    rows.push(newest.row)
  }
  const isLeft = streams.some(({ entries }, index) => (counts[index] ?? 0) < entries.length)
  return { rows, counts, hasMore: isLeft || floors.length > 0 }
}

/** Where a source goes on when so many of its rows were taken. */
export function placeAfter<Place>(stream: Stream<unknown, Place>, count: number): Place {
  if (count === stream.entries.length && stream.floor !== null) return stream.floor.place
  return stream.entries[count - 1]?.place ?? stream.begun
}
