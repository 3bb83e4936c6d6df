import { addLimbs, extendLimbs, limbCount, limbsNeeded, readLimbs, writeLimbs } from "./decimal-limbs.ts"

export type Change = { readonly accountId: bigint; readonly amount: bigint }

/** What became of a change: it waits, it was netted, or the batch of that sequence has it. */
export type ChangeOwner = "waiting" | "netted" | number

/**
 * Every change of the log by its position, with who has it: 8 bytes and the amount, which takes 4 for every nine digits of the largest one nearby. A settled change stays: a
 * revocation may still ask for it.
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
const nobody = 0
const waits = 0xffffffff
const netted = 0xfffffffe

type Page = {
  readonly accounts: Uint32Array
  readonly owners: Uint32Array
  amounts: Uint32Array
  /** Limbs of each amount. */
  width: number
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
    const needed = limbsNeeded(limbs, amountAt)
    if (needed > page.width) widen(page, needed)
    const index = indexOf(position)
    page.accounts[index] = accountId
    page.owners[index] = waits
    for (let limb = 0; limb < page.width; limb += 1)
      page.amounts[index * page.width + limb] = limbs[amountAt + limb] ?? 0
  }

  /** Into `scratch`. */
  function loadAmount(position: number): void {
    const page = pageOf(position)
    if (page === undefined) scratch.fill(0)
    else readAmount(page, indexOf(position), scratch)
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
      if (page?.owners[index] !== waits || page.accounts[index] !== accountId) return false
      page.owners[index] = owner === "netted" ? netted : owner
      return true
    },
    putBack(position) {
      const page = pageOf(position)
      if (page !== undefined) page.owners[indexOf(position)] = waits
    },
    ownerOf(position) {
      const owner = pageOf(position)?.owners[indexOf(position)] ?? nobody
      if (owner === nobody) return undefined
      return owner === waits ? "waiting" : owner === netted ? "netted" : owner
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
          if (page.owners[index] !== waits) continue
          const position = number * pageChanges + index + 1
          const change = get(position)
          if (change !== undefined) yield [BigInt(position), change]
        }
      }
    },
  }
}

function emptyPage(): Page {
  return {
    accounts: new Uint32Array(pageChanges),
    owners: new Uint32Array(pageChanges),
    amounts: new Uint32Array(0),
    width: 0,
  }
}

function widen(page: Page, width: number): void {
  const wider = new Uint32Array(pageChanges * width)
  const amount = new Uint32Array(limbCount)
  for (let index = 0; page.width > 0 && index < pageChanges; index += 1) {
    readAmount(page, index, amount)
    wider.set(amount.subarray(0, width), index * width)
  }
  page.amounts = wider
  page.width = width
}

function readAmount({ amounts, width }: Page, index: number, into: Uint32Array): void {
  for (let limb = 0; limb < width; limb += 1) into[limb] = amounts[index * width + limb] ?? 0
  extendLimbs(into, 0, width)
}
