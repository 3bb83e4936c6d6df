import { amountLimit } from "./amount.ts"
import type { Priority } from "./priority.ts"
import type { WriteRequest } from "./write-request.ts"

export type Adjustment = {
  readonly userId: string
  readonly tokenId: number
  readonly amountBaseUnits: bigint
  readonly reasonType: string
  readonly businessType: string
  readonly priority: Priority
  /** Goes to the chain at once, whatever the batch strategy says. */
  readonly isImmediate: boolean
  /** May only shorten the wait that the token's strategy allows. */
  readonly maxWaitMs: number | null
  readonly reasonDetail: string | null
  readonly metadata: Record<string, unknown>
}

export type AdjustBalanceCommand = WriteRequest & {
  readonly kind: "AdjustBalance"
  readonly businessBatchId: string | null
  /** When it happened in the caller's world; when it is recorded, unless given. */
  readonly occurredAt?: Date
  /** 1 … 10,000, decided in this order, all or none. */
  readonly adjustments: readonly Adjustment[]
}

export type AccountBalance = { readonly pending: bigint; readonly confirmed: bigint; readonly locked: bigint }

export type AdjustmentDecision = {
  readonly adjustment: Adjustment
  /** See accountKey. */
  readonly key: string
  readonly balanceAfter: bigint
  readonly confirmedAfter: bigint
}

export type AdjustmentRefusal =
  | {
      readonly refused: "INSUFFICIENT_BALANCE"
      /** Index of the adjustment that cannot be paid. */
      readonly index: number
      readonly availableBaseUnits: bigint
    }
  | { readonly refused: "BALANCE_OUT_OF_RANGE"; readonly index: number }

/** Two adjustments with the same key touch the same account. User ids hold no control characters. */
export function accountKey(userId: string, tokenId: number): string {
  return `${tokenId}\n${userId}`
}

/**
 * Decides the adjustments of one operation in their order against balances before it. Credits make room for later debits of the same operation; a debit may
 * not take `available = pending − locked` below zero. A credit to an overdrawn account is always welcome.
 */
export function decideAdjustBalance(
  command: Pick<AdjustBalanceCommand, "adjustments">,
  balanceOf: (key: string) => AccountBalance | undefined,
): { readonly decisions: readonly AdjustmentDecision[] } | AdjustmentRefusal {
  const changed = new Map<string, AccountBalance>()
  const decisions: AdjustmentDecision[] = []
  for (const [index, adjustment] of command.adjustments.entries()) {
    const key = accountKey(adjustment.userId, adjustment.tokenId)
    const before = changed.get(key) ?? balanceOf(key) ?? emptyBalance
    const pending = before.pending + adjustment.amountBaseUnits
    if (adjustment.amountBaseUnits < 0n && pending < before.locked) {
      const available = before.pending - before.locked
      return { refused: "INSUFFICIENT_BALANCE", index, availableBaseUnits: available > 0n ? available : 0n }
    }
    if (pending >= amountLimit || pending <= -amountLimit) return { refused: "BALANCE_OUT_OF_RANGE", index }
    changed.set(key, { ...before, pending })
    decisions.push({ adjustment, key, balanceAfter: pending, confirmedAfter: before.confirmed })
  }
  return { decisions }
}

export const emptyBalance: AccountBalance = { pending: 0n, confirmed: 0n, locked: 0n }
