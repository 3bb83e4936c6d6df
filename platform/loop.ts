import { describeError } from "./errors.ts"
import type { Logger } from "./logger.ts"

/** Runs one turn at a time: when woken, and when the time that the last turn asked for has come. */
export type Loop = {
  wake(): void
  /** Lets the turn that is running end. */
  stop(): Promise<void>
}

const faultDelayMs = 500
const faultDelayMsMax = 15_000

/**
 * @param options.turn answers how many ms the loop may sleep when nobody wakes it
 * @param options.gapMs rest after each turn, so that a burst of wake-ups becomes one turn
 */
export function startLoop(options: {
  readonly name: string
  readonly logger: Logger
  readonly gapMs: number
  readonly turn: () => Promise<number>
}): Loop {
  let isStopping = false
  let isWoken = false
  let faults = 0
  const stopped = Promise.withResolvers<void>()
  let woken = Promise.withResolvers<void>()

  async function sleep(ms: number, ends: readonly Promise<void>[]): Promise<void> {
    const timeout = Promise.withResolvers<void>()
    const timer = setTimeout(timeout.resolve, ms)
    await Promise.race([timeout.promise, ...ends])
    clearTimeout(timer)
  }

  /** @returns the rest that nothing but a stop shortens, and how long to sleep in all */
  async function takeTurn(): Promise<{ restMs: number; sleepMs: number }> {
    try {
      const sleepMs = await options.turn()
      faults = 0
      return { restMs: options.gapMs, sleepMs }
    } catch (error) {
      faults += 1
      // What is broken is not asked again at the rate of incoming work.
      const restMs = Math.min(faultDelayMs * 2 ** Math.min(faults - 1, 10), faultDelayMsMax)
      options.logger.error(
        { loop: options.name, fault: describeError(error), faults, restMs },
        "a turn failed and is tried again",
      )
      return { restMs, sleepMs: restMs }
    }
  }

  async function run(): Promise<void> {
    while (!isStopping) {
      isWoken = false
      woken = Promise.withResolvers<void>()
      const { restMs, sleepMs } = await takeTurn()
      await sleep(restMs, [stopped.promise])
      if (!isWoken && !isStopping && sleepMs > restMs)
        await sleep(sleepMs - restMs, [stopped.promise, woken.promise])
    }
  }

  const running = run()
  return {
    wake() {
      isWoken = true
      woken.resolve()
    },
    async stop() {
      isStopping = true
      stopped.resolve()
      await running
    },
  }
}
