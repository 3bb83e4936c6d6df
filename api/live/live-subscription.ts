import { describeError } from "../../platform/errors.ts"
import type { Logger } from "../../platform/logger.ts"
import type { LiveMessage, WrittenEvent } from "../presenters/live-event.ts"
import type { LivePage } from "../queries/live-messages.ts"
import type { LedgerTail } from "./ledger-tail.ts"
import { type LiveFilter, passes } from "./live-filter.ts"

/** Where a subscription's events go. */
export type LiveSink = {
  /** @returns whether there is room for more */
  send(event: WrittenEvent): boolean
  /** Resolves when there is room, or when the reader has gone. */
  whenRoom(): Promise<void>
}

export type LiveSubscription = {
  /** Everything up to here was sent, or does not pass the filter. */
  readonly position: bigint
  close(): void
}

const retryMs = 1_000
/** How long a reader may have waited before what is left of a page is read again. */
const staleMs = 200

/**
 * Sends each event that passes the filter once and in order. At the end of the log a subscription gets what its ledger's tail reads; behind it, after a reconnect or because its reader is slow,
 * it reads for itself. A slow reader holds what was sent to him and no more, and loses nothing.
 * @param options.after the position that was seen last
 * @param options.tail of the ledger; where it is, or further back, the subscription joins it
 * @param options.readAfter the page of the log behind a position
 */
export function openSubscription(options: {
  readonly after: bigint
  readonly filter: LiveFilter
  readonly sink: LiveSink
  readonly tail: LedgerTail
  readonly readAfter: (position: bigint) => Promise<LivePage>
  readonly logger: Logger
}): LiveSubscription {
  const { filter, sink, tail, readAfter, logger } = options
  let position = options.after
  let isClosed = false
  let followed: LedgerTail | undefined
  let leave: (() => void) | undefined

  /** @returns whether there is room for more */
  function send(message: LiveMessage): boolean {
    return !passes(filter, message) || sink.send(message.write(filter.userId))
  }

  const follower = {
    userId: filter.userId,
    offer(message: LiveMessage) {
      if (message.position > position && !send(message)) leave?.()
    },
  }

  /** Until the reader is slow, or the subscription closed. Between the look at the tail's position and this nothing is awaited. */
  async function follow(): Promise<void> {
    await new Promise<void>((resolve) => {
      leave = () => {
        tail.remove(follower)
        if (tail.position > position) position = tail.position
        followed = undefined
        leave = undefined
        resolve()
      }
      followed = tail
      tail.add(follower)
      tail.wake()
    })
    if (!isClosed) await sink.whenRoom()
  }

  async function catchUp(): Promise<void> {
    const page = await readAfter(position)
    for (const message of page.messages) {
      if (isClosed) return
      position = message.position
      if (send(message)) continue
      const waitedSince = performance.now()
      await sink.whenRoom()
      // What was said in the rest of the page may have been erased meanwhile.
      if (performance.now() - waitedSince > staleMs) return
    }
    position = page.through
  }

  async function run(): Promise<void> {
    while (!isClosed) {
      try {
        if (position >= tail.position) await follow()
        else await catchUp()
      } catch (error) {
        logger.warn({ reason: describeError(error) }, "the events of a subscriber could not be read")
        await new Promise((resolve) => setTimeout(resolve, retryMs))
      }
    }
  }

  void run()
  return {
    get position() {
      return followed !== undefined && followed.position > position ? followed.position : position
    },
    close() {
      isClosed = true
      leave?.()
    },
  }
}
