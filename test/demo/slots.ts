export type Slots = {
  /** Resolves when one is free. */
  take(): Promise<void>
  give(): void
}

/** Lets so many in at a time; the others wait in their order. */
export function createSlots(count: number): Slots {
  let free = count
  const waiting: (() => void)[] = []
  return {
    async take() {
      if (free > 0) free--
      else await new Promise<void>((resolve) => waiting.push(resolve))
    },
    give() {
      const next = waiting.shift()
      if (next === undefined) free++
      else next()
    },
  }
}
