import { readHead } from "../queries/audit-events.ts"
import { type Refusal, refuse } from "../refusal.ts"
import type { Services } from "../services.ts"
import type { LiveFilter } from "./live-filter.ts"
import type { LiveSink, LiveSubscription } from "./live-subscription.ts"
import { startAfter } from "./subscription-request.ts"

/** Where a subscription begins, once it is known that it may. */
export type LiveStart = {
  readonly after: bigint
  subscribe(filter: LiveFilter, sink: LiveSink): LiveSubscription
}

/**
 * Looks where a subscriber begins: behind the position that he saw last, or at the end of the log.
 * @param given the position and where it was written; null for the end
 */
export async function prepareSubscription(
  { db, live, limits }: Services,
  ledgerId: string,
  given: { readonly field: string; readonly position: string } | null,
): Promise<LiveStart | Refusal> {
  const { position: head } = await readHead(db, ledgerId)
  const after = startAfter(given, head)
  if (typeof after !== "bigint") return after
  if (live.size >= limits.subscriptionsMax) {
    const message = "there are as many subscriptions as this server serves; come again later"
    return refuse("OVERLOADED", null, message, { "retry-after": "5" })
  }
  return { after, subscribe: (filter, sink) => live.subscribe({ ledgerId, after, head, filter, sink }) }
}
