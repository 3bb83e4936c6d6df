/** A recorded change that is not on chain and in no batch. Amounts in base units. */
export type WaitingChange = {
  readonly position: bigint
  readonly accountId: bigint
  readonly amount: bigint
  /** 0 low … 3 urgent */
  readonly priority: number
  readonly isImmediate: boolean
  readonly deadline: Date
  readonly recordedAt: Date
}

/** All the changes of one account that a batch would settle, as one. */
export type AccountFold = {
  readonly accountId: bigint
  readonly net: bigint
  /** Σ |amount| */
  readonly gross: bigint
  /** Ascending. */
  readonly positions: readonly bigint[]
  /** The highest of its changes; an immediate one counts as urgent. */
  readonly priority: number
  readonly isUrgent: boolean
  readonly deadlineMs: number
  readonly oldestMs: number
}

export type Fold = {
  /** What a transaction has to move: the most urgent first, then the oldest. */
  readonly nets: readonly AccountFold[]
  /** Accounts whose changes cancel out: settled without a transaction. */
  readonly zeros: readonly AccountFold[]
  /** Accounts that have to wait: in a batch already, or the chain does not hold yet what they spend. */
  readonly heldAccountIds: readonly bigint[]
}

const highPriority = 2

/**
 * Sums the waiting changes of each account. Every change of an account is in its sum or the account is held, so that a debit never overtakes the credit that pays
 * for it and each account's total is the same however its changes are grouped.
 * @param changes in the order of their positions
 */
export function foldChanges(
  changes: readonly WaitingChange[],
  isBusy: (accountId: bigint) => boolean,
  /** What the chain is known to hold for the account. */
  confirmedOf: (accountId: bigint) => bigint,
): Fold {
  const accounts = new Map<bigint, AccountFold & { positions: bigint[] }>()
  for (const change of changes) {
    const before = accounts.get(change.accountId)
    const priority = change.isImmediate ? 3 : change.priority
    const isUrgent = change.isImmediate || change.priority >= highPriority
    const gross = change.amount < 0n ? -change.amount : change.amount
    if (before === undefined) {
      accounts.set(change.accountId, {
        accountId: change.accountId,
        net: change.amount,
        gross,
        positions: [change.position],
        priority,
        isUrgent,
        deadlineMs: change.deadline.getTime(),
        oldestMs: change.recordedAt.getTime(),
      })
      continue
    }
    before.positions.push(change.position)
    accounts.set(change.accountId, {
      ...before,
      net: before.net + change.amount,
      gross: before.gross + gross,
      priority: Math.max(before.priority, priority),
      isUrgent: before.isUrgent || isUrgent,
      deadlineMs: Math.min(before.deadlineMs, change.deadline.getTime()),
      oldestMs: Math.min(before.oldestMs, change.recordedAt.getTime()),
    })
  }
  const nets: AccountFold[] = []
  const zeros: AccountFold[] = []
  const heldAccountIds: bigint[] = []
  for (const account of accounts.values()) {
    const isUnpaid = account.net < 0n && confirmedOf(account.accountId) < -account.net
    if (isBusy(account.accountId) || isUnpaid) heldAccountIds.push(account.accountId)
    else if (account.net === 0n) zeros.push(account)
    else nets.push(account)
  }
  nets.sort(byUrgency)
  return { nets, zeros, heldAccountIds }
}

function byUrgency(a: AccountFold, b: AccountFold): number {
  if (a.priority !== b.priority && (a.isUrgent || b.isUrgent)) return b.priority - a.priority
  const [first = 0n] = a.positions
  const [second = 0n] = b.positions
  return first < second ? -1 : 1
}
