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
  /** Of high or urgent priority: it does not wait for company. */
  readonly isUrgent: boolean
  readonly deadlineMs: number
  readonly oldestMs: number
  /** A credit to an account that holds nothing on chain: its balance slot has to be filled, which is dear. */
  readonly isNewHolder: boolean
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
const urgentPriority = 3

type Sum = { -readonly [Key in keyof AccountFold]: AccountFold[Key] } & { positions: bigint[] }

/**
 * Sums the waiting changes of each account. Every change of an account is in its sum or the account is held, so that a debit never overtakes the credit that pays
 * for it and each account's total is the same however its changes are grouped.
 * @param changes in the order of their positions
 * @param maxWaitMs no change waits longer than this for its batch, whatever was in force when it was recorded
 */
export function foldChanges(
  changes: readonly WaitingChange[],
  isBusy: (accountId: bigint) => boolean,
  /** What the chain is known to hold for the account. */
  confirmedOf: (accountId: bigint) => bigint,
  maxWaitMs: number = Number.POSITIVE_INFINITY,
): Fold {
  const sums = sumByAccount(changes)
  // A map keeps the order in which its accounts came, which is that of their oldest changes.
  const urgent: AccountFold[] = []
  const high: AccountFold[] = []
  const others: AccountFold[] = []
  const zeros: AccountFold[] = []
  const heldAccountIds: bigint[] = []
  for (const account of sums.values()) {
    const confirmed = confirmedOf(account.accountId)
    account.deadlineMs = Math.min(account.deadlineMs, account.oldestMs + maxWaitMs)
    account.isNewHolder = account.net > 0n && confirmed === 0n
    const isUnpaid = account.net < 0n && confirmed < -account.net
    if (isBusy(account.accountId) || isUnpaid) heldAccountIds.push(account.accountId)
    else if (account.net === 0n) zeros.push(account)
    else if (account.priority >= urgentPriority) urgent.push(account)
    else if (account.isUrgent) high.push(account)
    else others.push(account)
  }
  return { nets: [...urgent, ...high, ...others], zeros, heldAccountIds }
}

/** One pass, one object for each account: a fold of a hundred thousand changes is not to be felt. */
function sumByAccount(changes: readonly WaitingChange[]): Map<number, Sum> {
  const sums = new Map<number, Sum>()
  for (const change of changes) {
    const { accountId, amount } = change
    // A number is found several times faster than a bigint; accounts are counted from 1.
    const key = Number(accountId)
    const priority = change.isImmediate ? urgentPriority : change.priority
    const gross = amount < 0n ? -amount : amount
    const deadlineMs = change.deadline.getTime()
    const oldestMs = change.recordedAt.getTime()
    const sum = sums.get(key)
    if (sum === undefined) {
      sums.set(key, {
        accountId,
        net: amount,
        gross,
        positions: [change.position],
        priority,
        isUrgent: priority >= highPriority,
        deadlineMs,
        oldestMs,
        isNewHolder: false,
      })
      continue
    }
    sum.positions.push(change.position)
    sum.net += amount
    sum.gross += gross
    if (priority > sum.priority) sum.priority = priority
    if (priority >= highPriority) sum.isUrgent = true
    if (deadlineMs < sum.deadlineMs) sum.deadlineMs = deadlineMs
    if (oldestMs < sum.oldestMs) sum.oldestMs = oldestMs
  }
  return sums
}
