import type { Adjustment } from "../../ledger/domain/adjust-balance.ts"
import type { RegisteredToken } from "../registry/registry-snapshot.ts"
import type { LaneBoard } from "../settlement/lane-figures.ts"
import {
  type BatchOutlook,
  type BlockchainSync,
  batchOutlookOf,
  type LaneAddition,
  presentBlockchainSync,
} from "./lane-outlook.ts"

/** What the first answer says and no event holds. It is stored with the operation, so that every later answer is the same. */
export type AnswerContext = {
  readonly sync: BlockchainSync
  readonly batch_strategy: string | null
  /** Absent where nothing of it was measured. */
  readonly outlook?: BatchOutlook
  /** Symbol and decimals by token id, as the caller knew them. */
  readonly tokens: Record<string, { readonly symbol: string; readonly decimals: number }>
}

/** What settlement looks at before it takes a change. */
type ExpectedChange = {
  readonly token: RegisteredToken
  readonly adjustment: Pick<Adjustment, "userId" | "isImmediate" | "priority" | "reasonType" | "maxWaitMs">
}

export function answerContextOf(
  lanes: LaneBoard,
  ledgerId: string,
  resolved: readonly ExpectedChange[],
  now: Date,
): AnswerContext {
  const additions = new Map<
    number,
    { users: Set<string>; isImmediate: boolean; maxWaitMs: number | null; token: LaneAddition["token"] }
  >()
  for (const { adjustment, token } of resolved) {
    const isImmediate =
      adjustment.isImmediate ||
      adjustment.priority === "high" ||
      adjustment.priority === "urgent" ||
      token.strategy.priorityReasons.has(adjustment.reasonType)
    const { userId, maxWaitMs } = adjustment
    const known = additions.get(token.tokenId)
    if (known === undefined) {
      additions.set(token.tokenId, { users: new Set([userId]), isImmediate, maxWaitMs, token })
    } else {
      known.users.add(userId)
      // One change that goes at once takes its whole lane along.
      known.isImmediate ||= isImmediate
    }
  }
  const tokens: AnswerContext["tokens"] = {}
  const strategies = new Set<string | null>()
  const lanesTouched: LaneAddition[] = []
  for (const { token, users, isImmediate, maxWaitMs } of additions.values()) {
    tokens[token.tokenId] = { symbol: token.symbol, decimals: token.decimals }
    strategies.add(token.strategy.name)
    const figures = lanes.figuresOf(ledgerId, token.tokenId)
    lanesTouched.push({ token, figures, recipients: users.size, isImmediate, maxWaitMs })
  }
  const [strategy] = strategies
  const outlook = batchOutlookOf(lanesTouched)
  return {
    sync: presentBlockchainSync(lanesTouched, now),
    batch_strategy: strategies.size === 1 ? (strategy ?? null) : null,
    ...(outlook === undefined ? {} : { outlook }),
    tokens,
  }
}
