const digestBytes = 32
const pageRecords = 4_096
const tombstone = 0xffffffff

/**
 * Pairs of SHA-256 digests by position, the first of which nobody else has: 72 bytes each and 4 to 16 of an index, where two maps of texts take 160. Digests are texts with a character
 * for each byte.
 */
export type DigestPairs = {
  /** @param position behind all that were added before */
  add(position: number, key: string, value: string): void
  has(key: string): boolean
  /** @returns the second digest; undefined where no pair is, or is no more */
  valueAt(position: number): string | undefined
  remove(position: number): void
  /** Of the pairs that are there, in their order. */
  positions(): Iterable<number>
}

type Page = { readonly digests: Buffer; readonly positions: Float64Array; readonly removed: Uint8Array }

export function noDigestPairs(): DigestPairs {
  const pages: Page[] = []
  let size = 0
  // Open addressing by the first bytes of the key: records counted from 1, 0 where nothing was ever.
  let slots = new Uint32Array(16)
  let slotsUsed = 0

  const pageOf = (record: number): Page => {
    const page = pages[Math.floor(record / pageRecords)]
    if (page === undefined) throw new RangeError(`there is no record ${record}`)
    return page
  }
  const keyOf = (record: number): string => textAt(record, 0)
  const positionOf = (record: number): number => pageOf(record).positions[record % pageRecords] ?? 0
  const isRemoved = (record: number): boolean => pageOf(record).removed[record % pageRecords] === 1

  function textAt(record: number, offset: number): string {
    const at = 2 * digestBytes * (record % pageRecords) + offset
    return pageOf(record).digests.toString("latin1", at, at + digestBytes)
  }

  /** The slot of the key; where it has none, the empty one that it would get. */
  function slotOf(key: string): number {
    for (let slot = hashOf(key) % slots.length; ; slot = (slot + 1) % slots.length) {
      const held = slots[slot] ?? 0
      if (held === 0 || (held !== tombstone && keyOf(held - 1) === key)) return slot
    }
  }

  function put(record: number): void {
    slots[slotOf(keyOf(record))] = record + 1
    slotsUsed += 1
  }

  function grow(): void {
    slots = new Uint32Array(2 * slots.length)
    slotsUsed = 0
    for (let record = 0; record < size; record += 1) if (!isRemoved(record)) put(record)
  }

  function recordAt(position: number): number | undefined {
    let [low, high] = [0, size]
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      if (positionOf(middle) < position) low = middle + 1
      else high = middle
    }
    return low < size && positionOf(low) === position && !isRemoved(low) ? low : undefined
  }

  return {
    add(position, key, value) {
      if (size % pageRecords === 0) pages.push(emptyPage())
      const { digests, positions } = pageOf(size)
      const index = size % pageRecords
      digests.write(key, 2 * digestBytes * index, "latin1")
      digests.write(value, 2 * digestBytes * index + digestBytes, "latin1")
      positions[index] = position
      size += 1
      if (4 * (slotsUsed + 1) > 3 * slots.length) grow()
      else put(size - 1)
    },
    has: (key) => (slots[slotOf(key)] ?? 0) !== 0,
    valueAt(position) {
      const record = recordAt(position)
      return record === undefined ? undefined : textAt(record, digestBytes)
    },
    remove(position) {
      const record = recordAt(position)
      if (record === undefined) return
      slots[slotOf(keyOf(record))] = tombstone
      pageOf(record).removed[record % pageRecords] = 1
    },
    *positions() {
      for (let record = 0; record < size; record += 1) if (!isRemoved(record)) yield positionOf(record)
    },
  }
}

function emptyPage(): Page {
  return {
    digests: Buffer.alloc(2 * digestBytes * pageRecords),
    positions: new Float64Array(pageRecords),
    removed: new Uint8Array(pageRecords),
  }
}

function hashOf(key: string): number {
  let hash = 0
  for (let at = 0; at < 4; at += 1) hash = hash * 256 + key.charCodeAt(at)
  return hash
}
