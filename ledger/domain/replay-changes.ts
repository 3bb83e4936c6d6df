import { addLimbs, limbCount, readLimbs, writeLimbs } from "./decimal-limbs.ts"
import { type FewNumbers, fewNumbers } from "./few-numbers.ts"
import { emptyAmounts, type PackedAmounts, putAmount, takeAmount } from "./packed-amounts.ts"

export type Change = { readonly accountId: bigint; readonly amount: bigint }

/** What became of a change: it waits, it was netted or discarded, or the batch of that sequence has it. */
export type ChangeOwner = "waiting" | "netted" | "discarded" | number

/**
 * Every change of the log by its position, with who has it: 4 bytes, one more where one nearby is taken, and the amount, see {@link PackedAmounts}. A settled change stays:
 * a revocation may still ask for it.
 */
export type ReplayedChanges = {
  /** Adds one that waits, its amount in decimal limbs. */
  add(position: number, accountId: number, limbs: Uint32Array, amountAt: number): void
  addChange(position: bigint, change: Change): void
  /** Gives one that waits to somebody. @returns whether it waited, and is of this account */
  take(position: number, accountId: number, owner: Exclude<ChangeOwner, "waiting">): boolean
  putBack(position: number): void
  /** @returns undefined where no change is */
  ownerOf(position: number): ChangeOwner | undefined
  get(position: number): Change | undefined
  sum(positions: Iterable<number>): bigint
  /** Those that wait, in their order. */
  waiting(): Iterable<[bigint, Change]>
}

const pageChanges = 8_192
const waits = 0
const netted = 0xffffffff
const discarded = 0xfffffffe

type Page = {
  /** 0: no change is there. */
  readonly accounts: Uint32Array
  /** Absent while all of them wait. */
  owners: FewNumbers | undefined
  readonly amounts: PackedAmounts
}

export function noChanges(): ReplayedChanges {
  const pages: (Page | undefined)[] = []
  const scratch = new Uint32Array(limbCount)
  const total = new Uint32Array(limbCount)

  const pageOf = (position: number) => pages[Math.floor((position - 1) / pageChanges)]
  const indexOf = (position: number) => (position - 1) % pageChanges

  function add(position: number, accountId: number, limbs: Uint32Array, amountAt: number): void {
    const number = Math.floor((position - 1) / pageChanges)
    const page = pages[number] ?? emptyPage()
    pages[number] = page
    const index = indexOf(position)
    page.accounts[index] = accountId
    page.owners?.put(index, waits)
    putAmount(page.amounts, index, limbs, amountAt)
  }

  /** Into `scratch`. */
  function loadAmount(position: number): void {
    const page = pageOf(position)
    if (page === undefined) scratch.fill(0)
    else takeAmount(page.amounts, indexOf(position), scratch)
  }

  function get(position: number): Change | undefined {
    const page = pageOf(position)
    const accountId = page?.accounts[indexOf(position)] ?? 0
    if (accountId === 0) return undefined
    loadAmount(position)
    return { accountId: BigInt(accountId), amount: readLimbs(scratch, 0) }
  }

  return {
    add,
    addChange(position, { accountId, amount }) {
      writeLimbs(scratch, 0, amount)
      add(Number(position), Number(accountId), scratch, 0)
    },
    take(position, accountId, owner) {
      const page = pageOf(position)
      const index = indexOf(position)
      if (page === undefined || !isWaiting(page, index) || page.accounts[index] !== accountId) return false
      page.owners ??= fewNumbers(pageChanges)
      page.owners.put(index, owner === "netted" ? netted : owner === "discarded" ? discarded : owner)
      return true
    },
    putBack(position) {
      pageOf(position)?.owners?.put(indexOf(position), waits)
    },
    ownerOf(position) {
      const page = pageOf(position)
      const index = indexOf(position)
      if (page === undefined || (page.accounts[index] ?? 0) === 0) return undefined
      const owner = page.owners?.at(index) ?? waits
      if (owner === waits) return "waiting"
      if (owner === netted) return "netted"
      return owner === discarded ? "discarded" : owner
    },
    get,
    sum(positions) {
      total.fill(0)
      for (const position of positions) {
        loadAmount(position)
        addLimbs(total, 0, scratch, 0)
      }
      return readLimbs(total, 0)
    },
    *waiting() {
      for (const [number, page] of pages.entries()) {
        for (let index = 0; page !== undefined && index < pageChanges; index += 1) {
          if (!isWaiting(page, index)) continue
          const position = number * pageChanges + index + 1
          const change = get(position)
          if (change !== undefined) yield [BigInt(position), change]
        }
      }
    },
  }
}

function emptyPage(): Page {
  return { accounts: new Uint32Array(pageChanges), owners: undefined, amounts: emptyAmounts(pageChanges) }
}

function isWaiting({ accounts, owners }: Page, index: number): boolean {
  return (accounts[index] ?? 0) !== 0 && (owners?.at(index) ?? waits) === waits
}
