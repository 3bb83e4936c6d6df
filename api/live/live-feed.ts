import type { Kysely } from "kysely"
import pLimit, { type LimitFunction } from "p-limit"
import { appendedChannel } from "../../ledger/store/append.ts"
import type { Database } from "../../ledger/store/database.ts"
import { listen } from "../../platform/listen.ts"
import type { Logger } from "../../platform/logger.ts"
import { createLiveReader, type LivePage } from "../queries/live-messages.ts"
import type { RegistryCache } from "../registry/registry-cache.ts"
import { createLedgerTail, type LedgerTail } from "./ledger-tail.ts"
import type { LiveFilter } from "./live-filter.ts"
import { type LiveSink, type LiveSubscription, openSubscription } from "./live-subscription.ts"

/** Live updates of all ledgers that somebody follows by this process. */
export type LiveFeed = {
  /** Open subscriptions. */
  readonly size: number
  /**
   * Sends every event after a position that passes the filter, each once and in order, until it is closed.
   * @param options.head where the log ended, read from the database after `after` was known to be in it
   */
  subscribe(options: {
    readonly ledgerId: string
    readonly after: bigint
    readonly head: bigint
    readonly filter: LiveFilter
    readonly sink: LiveSink
  }): LiveSubscription
  stop(): Promise<void>
}

const pageSize = 500
/** A notification only saves waiting: it may be lost with its connection. */
const lookEveryMs = 1_000
/** Of the pool's connections, so many for subscribers who are behind; the others are for requests. */
const readersMax = 4
/** Of these, so many for those of one ledger: however many of them are behind, the others' turn comes soon. */
const readersOfLedgerMax = 2

/** Listens to the database from the first subscription on. */
export function createLiveFeed(options: {
  readonly db: Kysely<Database>
  readonly databaseUrl: string | undefined
  readonly registry: RegistryCache
  readonly logger: Logger
}): LiveFeed {
  const { databaseUrl, logger } = options
  const reader = createLiveReader(options)
  const inTurn = pLimit(readersMax)
  const tails = new Map<
    string,
    { readonly tail: LedgerTail; readonly inTurn: LimitFunction; subscriptions: number }
  >()
  let size = 0
  let listener: { stop(): Promise<void> } | undefined
  let timer: NodeJS.Timeout | undefined

  function start(): void {
    timer ??= setInterval(wakeAll, lookEveryMs)
    if (databaseUrl === undefined) return
    listener ??= listen({
      databaseUrl,
      applicationName: "chainbridge-api-live",
      channels: [appendedChannel],
      logger,
      onNotification(notification) {
        if (notification === null) wakeAll()
        else tails.get(notification.payload)?.tail.wake()
      },
    })
  }

  function wakeAll(): void {
    for (const { tail } of tails.values()) tail.wake()
  }

  return {
    get size() {
      return size
    },
    subscribe({ ledgerId, after, head, filter, sink }) {
      start()
      const shared = tails.get(ledgerId) ?? {
        tail: createLedgerTail({ reader, ledgerId, position: head, logger }),
        inTurn: pLimit(readersOfLedgerMax),
        subscriptions: 0,
      }
      tails.set(ledgerId, shared)
      shared.subscriptions += 1
      size += 1
      let isClosed = false
      // Who has gone while he waited for his turn is read nothing for.
      const read = (position: bigint): Promise<LivePage> =>
        isClosed
          ? Promise.resolve({ messages: [], through: position, isLast: true })
          : reader.read(ledgerId, position, { userId: filter.userId, limit: pageSize })
      const subscription = openSubscription({
        ...{ after, filter, sink, logger, tail: shared.tail },
        readAfter: (position) => shared.inTurn(() => inTurn(() => read(position))),
      })
      return {
        get position() {
          return subscription.position
        },
        close() {
          if (isClosed) return
          isClosed = true
          subscription.close()
          size -= 1
          shared.subscriptions -= 1
          // A tail that nobody follows does not read on, and would be far behind for the next one.
          if (shared.subscriptions === 0) tails.delete(ledgerId)
        },
      }
    },
    async stop() {
      clearInterval(timer)
      await listener?.stop()
    },
  }
}
