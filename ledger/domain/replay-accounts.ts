import { addLimbs, equalLimbs, isSum, limbCount, readLimbs, writeLimbs } from "./decimal-limbs.ts"
import { ReplayFault } from "./replay-fault.ts"

export type ReplayedAccount = {
  pending: bigint
  confirmed: bigint
  /** Sum of the accepted changes that are not on chain yet, kept change by change and not derived from the other two. */
  unsettled: bigint
  /** Held back: the sum of the account's open holds. */
  locked: bigint
  /** The last event that touched the account. */
  position: bigint
}

/** Accounts by their ids, which are 1, 2, 3 …: 152 bytes each. */
export type ReplayedAccounts = {
  readonly size: number
  has(accountId: bigint): boolean
  /** The account as it is now; changing it changes nothing. */
  get(accountId: bigint): ReplayedAccount | undefined
  values(): Iterable<ReplayedAccount>
  [Symbol.iterator](): Iterator<[bigint, ReplayedAccount]>
  /** @throws ReplayFault unless it is the next one */
  open(accountId: bigint): void
  /** @throws ReplayFault when it was never opened */
  update(accountId: bigint, change: (account: ReplayedAccount) => void): void
  /**
   * What a change does: moves `pending` and `unsettled` by the same amount, in decimal limbs.
   * @throws ReplayFault when the balance after it is not `balanceAt`, or the account was never opened
   */
  applyChange(
    accountId: number,
    position: number,
    limbs: Uint32Array,
    amountAt: number,
    balanceAt: number,
  ): void
}

const pageAccounts = 1_024
const stride = 4 * limbCount
const [pendingAt, confirmedAt, unsettledAt, lockedAt] = [0, limbCount, 2 * limbCount, 3 * limbCount]

type Page = { readonly figures: Uint32Array; readonly positions: Float64Array }

export function noAccounts(): ReplayedAccounts {
  const pages: Page[] = []
  let size = 0

  function pageOf(accountId: number): Page {
    const page = pages[Math.floor((accountId - 1) / pageAccounts)]
    if (page === undefined || accountId < 1 || accountId > size)
      throw new ReplayFault(`account ${accountId} was never opened`)
    return page
  }

  function get(accountId: bigint): ReplayedAccount | undefined {
    if (!has(accountId)) return undefined
    const id = Number(accountId)
    const { figures, positions } = pageOf(id)
    const index = (id - 1) % pageAccounts
    const at = index * stride
    return {
      pending: readLimbs(figures, at + pendingAt),
      confirmed: readLimbs(figures, at + confirmedAt),
      unsettled: readLimbs(figures, at + unsettledAt),
      locked: readLimbs(figures, at + lockedAt),
      position: BigInt(positions[index] ?? 0),
    }
  }

  function has(accountId: bigint): boolean {
    return accountId >= 1n && accountId <= BigInt(size)
  }

  function* entries(): Generator<[bigint, ReplayedAccount]> {
    for (let id = 1n; id <= BigInt(size); id += 1n) {
      const account = get(id)
      if (account !== undefined) yield [id, account]
    }
  }

  return {
    get size() {
      return size
    },
    has,
    get,
    *values() {
      for (const [, account] of entries()) yield account
    },
    [Symbol.iterator]: entries,
    open(accountId) {
      if (has(accountId)) throw new ReplayFault(`account ${accountId} was opened twice`)
      if (accountId !== BigInt(size) + 1n)
        throw new ReplayFault(`account ${accountId} is opened after ${size} accounts`)
      if (size % pageAccounts === 0) {
        pages.push({
          figures: new Uint32Array(pageAccounts * stride),
          positions: new Float64Array(pageAccounts),
        })
      }
      size += 1
    },
    update(accountId, change) {
      const account = get(accountId)
      if (account === undefined) throw new ReplayFault(`account ${accountId} was never opened`)
      change(account)
      const { figures, positions } = pageOf(Number(accountId))
      const index = (Number(accountId) - 1) % pageAccounts
      const at = index * stride
      writeLimbs(figures, at + pendingAt, account.pending)
      writeLimbs(figures, at + confirmedAt, account.confirmed)
      writeLimbs(figures, at + unsettledAt, account.unsettled)
      writeLimbs(figures, at + lockedAt, account.locked)
      positions[index] = Number(account.position)
    },
    applyChange(accountId, position, limbs, amountAt, balanceAt) {
      const { figures, positions } = pageOf(accountId)
      const index = (accountId - 1) % pageAccounts
      const at = index * stride
      addLimbs(figures, at + pendingAt, limbs, amountAt)
      addLimbs(figures, at + unsettledAt, limbs, amountAt)
      positions[index] = position
      if (!equalLimbs(figures, at + pendingAt, limbs, balanceAt)) {
        throw new ReplayFault(
          `the event says the balance becomes ${readLimbs(limbs, balanceAt)}, the log says ${readLimbs(figures, at + pendingAt)}`,
        )
      }
      if (!isSum(figures, at + pendingAt, at + confirmedAt, at + unsettledAt)) {
        throw new ReplayFault(
          `account ${accountId}: pending ${readLimbs(figures, at + pendingAt)} is not confirmed ${readLimbs(figures, at + confirmedAt)} + unsettled ${readLimbs(figures, at + unsettledAt)}`,
        )
      }
    },
  }
}
