import { isTransient } from "./is-transient.ts"

/** How long what has failed is left alone; after trouble that goes away by itself, not for long. */
const retryMs = { failed: 30_000, transient: 3_000 }

/** Which of many things that are worked on in turn are left alone for a while, so that none keeps the others waiting. */
export type BackOff = {
  /** The keys that are left alone now. */
  waiting(): string[]
  /**
   * @returns why it failed, or null
   * @throws what may go away by itself; whoever works on these things rests, and this one is not the first again
   */
  attempt(key: string, work: () => Promise<void>): Promise<unknown>
}

export function createBackOff(nowMs: () => number = () => performance.now()): BackOff {
  const until = new Map<string, number>()
  return {
    waiting() {
      for (const [key, ms] of until) if (ms <= nowMs()) until.delete(key)
      return [...until.keys()]
    },
    async attempt(key, work) {
      try {
        await work()
        return null
      } catch (error) {
        const isPassing = isTransient(error)
        until.set(key, nowMs() + (isPassing ? retryMs.transient : retryMs.failed))
        if (isPassing) throw error
        return error
      }
    },
  }
}
