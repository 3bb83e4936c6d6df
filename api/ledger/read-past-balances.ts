import type { Moment } from "../../ledger/domain/moment.ts"
import { findPosition, type NoSuchPoint } from "../../ledger/store/find-position.ts"
import { readUserBalancesAt } from "../../ledger/store/read-balances-at.ts"
import { unreachable } from "../../platform/errors.ts"
import { presentBalanceAt } from "../presenters/balance.ts"
import type { Answer } from "../presenters/envelope.ts"
import { type Refusal, refuse } from "../refusal.ts"
import type { RegisteredToken } from "../registry/registry-snapshot.ts"
import type { Services } from "../services.ts"

/**
 * A user's balances as they were. The answer names the position that it stands for: asked for again, that position gives the same figures for ever. Accounts that were opened since stand there with
 * zeros, and a user who is not known yet today is not known for the past either.
 * @param shown which of the tokens: those that the user has, or all, with zero where he has none
 */
export async function readPastBalances(
  services: Services,
  ledgerId: string,
  userId: string,
  at: Moment,
  tokens: readonly RegisteredToken[],
  shown: "held" | "all",
): Promise<Answer | Refusal> {
  const point = await findPosition(services.reads, ledgerId, at, new Date())
  if ("refused" in point) return refuseMoment(point)
  const past = await readUserBalancesAt(services.reads, ledgerId, userId, point.position)
  if (past.length === 0)
    return refuse("UNKNOWN_USER", "user_id", "a user is known from the first adjustment on")
  const byToken = new Map(past.map((balance) => [balance.token_id, balance]))
  return {
    data: {
      user_id: userId,
      at: { position: point.position.toString(), time: point.recordedAt?.toISOString() ?? null },
      balances: tokens
        .filter((token) => shown === "all" || byToken.has(token.tokenId))
        .map((token) => presentBalanceAt(token, byToken.get(token.tokenId))),
    },
  }
}

function refuseMoment(point: NoSuchPoint): Refusal {
  switch (point.refused) {
    case "IN_THE_FUTURE":
      return refuse(
        "INVALID_PARAMETER",
        "at",
        "the time is in the future; leave at out for the balance of now",
      )
    case "BEYOND_HEAD":
      return refuse(
        "INVALID_PARAMETER",
        "at",
        `the log ends at position ${point.head.position}; name one up to there, or leave at out for the balance of now`,
      )
    default:
      return unreachable(point)
  }
}
