import type { NewEventOf } from "./events.ts"
import type { Hold } from "./hold.ts"

type OpenHold = Pick<Hold, "position" | "accountId" | "amountBaseUnits" | "expiresAt">

/**
 * The end of an open hold whose time is over.
 * @param pending of its account, which does not change
 * @returns null while its time is not over at `at`, when the event would be recorded
 */
export function decideExpireHold(
  hold: OpenHold,
  pending: bigint,
  at: Date,
): NewEventOf<"HoldExpired"> | null {
  if (at < hold.expiresAt) return null
  return {
    type: "HoldExpired",
    data: { hold_position: Number(hold.position), released: hold.amountBaseUnits.toString() },
    operation: null,
    account: { accountId: hold.accountId, amount: 0n, balanceAfter: pending },
    occurredAt: at,
    causation: `hold:${hold.position}`,
    details: null,
  }
}
