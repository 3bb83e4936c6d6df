/** What .ci/run sets, so that it stays short: of long series some items are run, other ones each day. `npm test` runs all. */
const isSampled = process.env["TEST_SAMPLE"] === "1"
const day = Math.floor(Date.now() / 86_400_000)

/** @returns all items, or `count` of them that lie apart */
export function sampled<Item>(items: readonly Item[], count: number): readonly Item[] {
  if (!isSampled || items.length <= count) return items
  const first = day % items.length
  return Array.from({ length: count }, (_, index) => {
    const at = (first + Math.floor((index * items.length) / count)) % items.length
    return items[at] as Item
  })
}

/** @returns how often something is done that is done `all` times where there is time */
export function sampledTimes(all: number, some: number): number {
  return isSampled ? some : all
}
