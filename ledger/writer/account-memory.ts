import type { AccountBalance } from "../domain/adjust-balance.ts"
import type { LedgerHead } from "../store/ledger-transaction.ts"

export type KnownAccount = AccountBalance & { readonly accountId: bigint }

/** Where a ledger stands: the hash covers all that is before it. */
export type HeadMark = Pick<LedgerHead, "position" | "hash">

export function isSameMark(a: HeadMark, b: HeadMark): boolean {
  return a.position === b.position && a.hash.equals(b.hash)
}

/** What a process knows of one ledger's accounts, by account key. Balances are true at one head of the ledger, and worth nothing at any other; ids in every log that goes on from there. */
export type LedgerMemory = {
  /** The head at which it is true. Whoever uses what it says has to know that the ledger stands there. */
  at(): HeadMark
  get(key: string): KnownAccount | undefined
  /** Also of an account whose balances are not known any more. */
  idOf(key: string): bigint | undefined
  /** Whether somebody else had appended before the group that was remembered last: then he is likely to have done so again, and balances to be of no use. */
  isShared(): boolean
  /** Somebody else has appended, and the log has gone on to `head` from where this was true: balances are forgotten. */
  outdate(head: HeadMark): void
  /**
   * Takes over how a group that was committed left the accounts that it loaded or changed.
   * @param from the head that the group was decided on: what is remembered of any other is forgotten
   * @param to the head that it has left
   */
  remember(from: HeadMark, to: HeadMark, accounts: Iterable<readonly [key: string, KnownAccount]>): void
}

/** Makes the memories of a process's ledgers. */
export type AccountMemory = () => LedgerMemory

/** The balances are those of the turn: it ends when somebody else has appended. */
type Entry = { readonly account: KnownAccount; readonly turn: number }

type Generations = { young: Map<string, Entry>; old: Map<string, Entry> }

/**
 * Remembers accounts for the ledgers of a process, some 230 bytes each. When half of `accountsMax` have been added, what has not been used since the last time is dropped,
 * on every ledger.
 */
export function createAccountMemory(accountsMax = 200_000): AccountMemory {
  const ledgers = new Set<Generations>()
  let added = 0

  function add(generations: Generations, key: string, entry: Entry): void {
    if (!generations.young.has(key)) added += 1
    generations.young.set(key, entry)
    if (added < accountsMax / 2) return
    added = 0
    for (const each of ledgers) {
      each.old = each.young
      each.young = new Map()
    }
  }

  return () => {
    const generations: Generations = { young: new Map(), old: new Map() }
    ledgers.add(generations)
    let mark: HeadMark = { position: -1n, hash: Buffer.alloc(0) }
    let turn = 0
    let isShared = false
    let wasOutdated = false
    const entryOf = (key: string) => generations.young.get(key) ?? generations.old.get(key)
    return {
      at: () => mark,
      get(key) {
        const entry = entryOf(key)
        return entry?.turn === turn ? entry.account : undefined
      },
      idOf: (key) => entryOf(key)?.account.accountId,
      isShared: () => isShared,
      outdate(head) {
        mark = { position: head.position, hash: head.hash }
        turn += 1
        wasOutdated = true
      },
      remember(from, to, accounts) {
        const isElsewhere = !isSameMark(from, mark)
        isShared = wasOutdated || (isElsewhere && mark.position >= 0n)
        wasOutdated = false
        if (isElsewhere) {
          generations.young.clear()
          generations.old.clear()
        }
        mark = { position: to.position, hash: to.hash }
        for (const [key, account] of accounts) add(generations, key, { account, turn })
      },
    }
  }
}
