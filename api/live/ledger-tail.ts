import { describeError } from "../../platform/errors.ts"
import type { Logger } from "../../platform/logger.ts"
import type { LiveMessage } from "../presenters/live-event.ts"
import type { LiveReader } from "../queries/live-messages.ts"

/** Somebody who has seen everything up to where the tail is. */
export type TailFollower = {
  /** Whose events alone concern him; null: anybody's. */
  readonly userId: string | null
  /** Called in the order of the positions, and never waited for. */
  offer(message: LiveMessage): void
}

/** Reads the end of one ledger's log once for all who follow it in this process. */
export type LedgerTail = {
  /** Every event up to here was offered to each follower. */
  readonly position: bigint
  /** There may be something new. Without a follower nothing is read. */
  wake(): void
  add(follower: TailFollower): void
  remove(follower: TailFollower): void
}

const pageSize = 500

/** @param options.position where the log ends now */
export function createLedgerTail(options: {
  readonly reader: LiveReader
  readonly ledgerId: string
  readonly position: bigint
  readonly logger: Logger
}): LedgerTail {
  const { reader, ledgerId, logger } = options
  const byUser = new Map<string | null, Set<TailFollower>>()
  let { position } = options
  let isReading = false
  let isStale = false

  function offer(message: LiveMessage): void {
    for (const follower of byUser.get(null) ?? []) follower.offer(message)
    for (const userId of message.users)
      for (const follower of byUser.get(userId) ?? []) follower.offer(message)
  }

  async function read(): Promise<void> {
    do {
      isStale = false
      const page = await reader.read(ledgerId, position, { userId: null, limit: pageSize })
      for (const message of page.messages) {
        // Before the offer: who goes away with this one has seen it.
        position = message.position
        offer(message)
      }
      if (!page.isLast) isStale = true
    } while (isStale && byUser.size > 0)
  }

  return {
    get position() {
      return position
    },
    wake() {
      isStale = true
      if (isReading || byUser.size === 0) return
      isReading = true
      read()
        .catch((error: unknown) =>
          logger.warn(
            { reason: describeError(error), ledger_id: ledgerId },
            "the log's end could not be read",
          ),
        )
        .finally(() => {
          isReading = false
        })
    },
    add(follower) {
      const followers = byUser.get(follower.userId) ?? new Set()
      byUser.set(follower.userId, followers.add(follower))
    },
    remove(follower) {
      const followers = byUser.get(follower.userId)
      if (followers?.delete(follower) === true && followers.size === 0) byUser.delete(follower.userId)
    },
  }
}
