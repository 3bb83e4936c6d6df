import { createSlots } from "./slots.ts"

/** `work` on every item, so many at a time. */
export async function forEachLimited<Item, Result>(
  items: readonly Item[],
  count: number,
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const slots = createSlots(count)
  return await Promise.all(
    items.map(async (item) => {
      await slots.take()
      try {
        return await work(item)
      } finally {
        slots.give()
      }
    }),
  )
}
