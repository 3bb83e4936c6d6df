import type { AccountBalance } from "../domain/adjust-balance.ts"
import type { LedgerHead } from "../store/ledger-transaction.ts"

export type KnownAccount = AccountBalance & { readonly accountId: bigint }

/** What a process knows of one ledger's accounts, by account key. It is true at one head of the ledger, and worth nothing at any other. */
export type LedgerMemory = {
  /** Whether nobody has appended since. What is remembered of another head is forgotten. */
  isTrueAt(head: Pick<LedgerHead, "position" | "hash">): boolean
  get(key: string): KnownAccount | undefined
  /** Takes over how a group that was committed left the accounts that it loaded or changed. */
  remember(
    head: Pick<LedgerHead, "position" | "hash">,
    accounts: Iterable<readonly [key: string, KnownAccount]>,
  ): void
}

/** Makes the memories of a process's ledgers. */
export type AccountMemory = () => LedgerMemory

type Generations = { young: Map<string, KnownAccount>; old: Map<string, KnownAccount> }

/**
 * Remembers accounts for the ledgers of a process, some 200 bytes each. When half of `accountsMax` have been added, what has not been used since the last time is dropped,
 * on every ledger.
 */
export function createAccountMemory(accountsMax = 200_000): AccountMemory {
  const ledgers = new Set<Generations>()
  let added = 0

  function add(generations: Generations, key: string, account: KnownAccount): void {
    if (!generations.young.has(key)) added += 1
    generations.young.set(key, account)
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
    let position = -1n
    let hash: Buffer = Buffer.alloc(0)
    return {
      isTrueAt(head) {
        if (head.position === position && head.hash.equals(hash)) return true
        generations.young.clear()
        generations.old.clear()
        position = -1n
        return false
      },
      get: (key) => generations.young.get(key) ?? generations.old.get(key),
      remember(head, accounts) {
        position = head.position
        hash = head.hash
        for (const [key, account] of accounts) add(generations, key, account)
      },
    }
  }
}
