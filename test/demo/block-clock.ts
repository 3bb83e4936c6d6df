import type { PublicClient } from "viem"

export type BlockClock = {
  /** When the block was first seen, in milliseconds since 1970; undefined for one before the clock began. */
  seenAt(blockNumber: number): number | undefined
  stop(): void
}

const intervalMs = 100

/** Notes when each block appears. Block timestamps will not do: they are whole seconds and may run ahead of the clock. */
export function startBlockClock(client: PublicClient): BlockClock {
  const seen = new Map<number, number>()
  let newest: number | undefined
  let isAsking = false
  const timer = setInterval(() => {
    if (isAsking) return
    isAsking = true
    client
      .getBlockNumber({ cacheTime: 0 })
      .then((head) => {
        const number = Number(head)
        const first = newest === undefined ? number + 1 : newest + 1
        for (let block = first; block <= number; block++) seen.set(block, Date.now())
        newest = number
      })
      .catch(() => undefined)
      .finally(() => {
        isAsking = false
      })
  }, intervalMs)
  return { seenAt: (blockNumber) => seen.get(blockNumber), stop: () => clearInterval(timer) }
}
