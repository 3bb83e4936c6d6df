import { setTimeout as sleep } from "node:timers/promises"
import { createSlots } from "./slots.ts"
import type { StreamOperation } from "./stream-operation.ts"

export type StreamPace = {
  /** Requests in flight at most. */
  readonly concurrency: number
  /** Operations a second at most; undefined: as fast as they are answered. */
  readonly perSecond?: number
  /** Operations that may wait for their turn at most. */
  readonly lookAhead?: number
}

const defaultLookAhead = 1_000
/** Timers are not finer than some milliseconds. */
const catchUpMs = 5

/**
 * Sends operations side by side, each user's in their order: an operation starts when all earlier ones of its users have had their answers.
 * So the outcome of each is known before, whatever overtakes what.
 * @throws the first fault; what is in flight then is waited for
 */
export async function streamOperations(
  operations: readonly StreamOperation[],
  pace: StreamPace,
  send: (operation: StreamOperation) => Promise<void>,
): Promise<void> {
  const lookAhead = createSlots(pace.lookAhead ?? defaultLookAhead)
  const inFlight = createSlots(pace.concurrency)
  const newest = new Map<string, Promise<void>>()
  let nextAt = performance.now()
  let fault: { readonly error: unknown } | undefined
  for (const operation of operations) {
    await lookAhead.take()
    if (pace.perSecond !== undefined) {
      // What a standstill has cost is not caught up on.
      nextAt = Math.max(nextAt + 1_000 / pace.perSecond, performance.now() - catchUpMs)
      const aheadMs = nextAt - performance.now()
      if (aheadMs > catchUpMs) await sleep(aheadMs)
    }
    if (fault !== undefined) break
    const users = new Set(operation.adjustments.map((adjustment) => adjustment.user_id))
    const before = [...users].flatMap((user) => newest.get(user) ?? [])
    const turn = takeTurn(before, async () => {
      await inFlight.take()
      try {
        if (fault === undefined) await send(operation)
      } catch (error) {
        fault ??= { error }
      } finally {
        inFlight.give()
        lookAhead.give()
      }
    })
    for (const user of users) newest.set(user, turn)
  }
  // Every turn is a user's newest or one that a newer turn waits for.
  await Promise.all(newest.values())
  if (fault !== undefined) throw fault.error
}

async function takeTurn(before: readonly Promise<void>[], work: () => Promise<void>): Promise<void> {
  await Promise.all(before)
  await work()
}
