/** Keeps account of a reader who may take less than there is for him. */
export type ReaderRoom = {
  /** Since when he has had no room; undefined while he has. By `performance.now()`. */
  readonly fullSinceMs: number | undefined
  /** Resolves when there is room, or when nobody reads any more. */
  whenRoom(): Promise<void>
  /** There is room again, or nobody reads any more: whoever waits goes on. */
  found(): void
}

export function createReaderRoom(hasRoom: () => boolean): ReaderRoom {
  const waiting = new Set<() => void>()
  let fullSinceMs: number | undefined
  return {
    get fullSinceMs() {
      return fullSinceMs
    },
    whenRoom() {
      if (hasRoom()) return Promise.resolve()
      fullSinceMs ??= performance.now()
      return new Promise((resolve) => waiting.add(resolve))
    },
    found() {
      fullSinceMs = undefined
      for (const go of waiting) go()
      waiting.clear()
    },
  }
}
