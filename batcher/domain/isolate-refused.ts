export type Refused<Item> = { readonly item: Item; readonly reason: string }

/**
 * Which items of a list that is refused as a whole are refused by themselves: the list is halved until each one left stands alone. k such items of n take about 2k·log₂n questions.
 * @param refuse why the contract would refuse these; null where it takes them
 * @param questionsMax the answer has what was found by then
 * @returns none where only the items together are refused
 */
export async function isolateRefused<Item>(
  items: readonly Item[],
  refuse: (some: readonly Item[]) => Promise<string | null>,
  questionsMax: number,
): Promise<Refused<Item>[]> {
  let questions = 0
  async function search(some: readonly Item[], isKnownRefused: boolean): Promise<Refused<Item>[]> {
    const [first, ...others] = some
    if (first === undefined || questions >= questionsMax) return []
    if (others.length === 0 || !isKnownRefused) {
      questions += 1
      const reason = await refuse(some)
      if (reason === null) return []
      if (others.length === 0) return [{ item: first, reason }]
    }
    const middle = Math.ceil(some.length / 2)
    const left = await search(some.slice(0, middle), false)
    return [...left, ...(await search(some.slice(middle), false))]
  }
  return search(items, true)
}
