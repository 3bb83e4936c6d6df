import { LRUCache } from "lru-cache"
import type pg from "pg"
import type { Statement } from "../../ledger/store/statement.ts"
import {
  changesMax,
  type LedgerChangesRow,
  type LedgerVersion,
  readLedgerChanges,
} from "../queries/ledger-changes.ts"
import { type UserAccount, type UserAccountRow, userAccountsStatement } from "../queries/user-accounts.ts"
import { type GroupedReads, groupReads } from "./group-reads.ts"

export type UserBalances = {
  /**
   * The accounts of a user as they are at some moment after this call: what was acknowledged before it, by whichever process, is in them.
   * @param isAnew reads them in any case
   */
  read(
    ledgerId: string,
    userId: string,
    isAnew: boolean,
  ): Promise<{ readonly accounts: readonly UserAccount[]; readonly source: "cache" | "database" }>
}

type Accounts = readonly UserAccount[]

/** Users whose rows are being read: what changes meanwhile may be missing in them. */
type Load = { readonly changed: Set<string>; isEverything: boolean }

type LedgerMemory = {
  /** What the remembered rows are of, or newer. */
  version: LedgerVersion | undefined
  /** Rows that were remembered under another number are forgotten. */
  generation: number
  readonly loads: Set<Load>
  /** Brings the memory to a moment after the call. */
  readonly follow: GroupedReads<string, void>
  readonly rows: GroupedReads<string, Accounts>
}

type Remembered = { readonly accounts: Accounts; readonly generation: number }

const usersOfOneRead = 100
/** Beyond what follows from the log: should somebody repair a table by hand, it is seen after this. */
const ageMsMax = 60_000

/**
 * Balances by user, from the database or from the memory of this process. Memory answers only when the log, asked after the request came, has no event that the memory has not
 * seen: one small question serves everybody who waits. So an answer from it is never older than one from the database would be; what it saves is the work of reading.
 */
export function createUserBalances(options: {
  readonly pool: Pick<pg.Pool, "query">
  readonly usersMax: number
}): UserBalances {
  const { pool, usersMax } = options
  const ledgers = new Map<string, LedgerMemory>()
  const remembered =
    usersMax === 0 ? undefined : new LRUCache<string, Remembered>({ max: usersMax, ttl: ageMsMax })

  async function ask<Row>({ name, text, values }: Statement): Promise<Row[]> {
    const { rows } = await pool.query({ name, text, values: [...values] })
    return rows as Row[]
  }

  function memoryOf(ledgerId: string): LedgerMemory {
    const known = ledgers.get(ledgerId)
    if (known !== undefined) return known
    const memory: LedgerMemory = {
      version: undefined,
      generation: 0,
      loads: new Set(),
      follow: groupReads({
        underWayMax: 1,
        keysMax: 1,
        async readAll() {
          await follow(ledgerId, memory)
          return () => undefined
        },
      }),
      rows: groupReads({
        underWayMax: 2,
        keysMax: usersOfOneRead,
        readAll: (userIds) => load(ledgerId, memory, userIds),
      }),
    }
    ledgers.set(ledgerId, memory)
    return memory
  }

  async function follow(ledgerId: string, memory: LedgerMemory): Promise<void> {
    const since = memory.version
    const [found] = await ask<LedgerChangesRow>(readLedgerChanges(ledgerId, since))
    const isKnown =
      found !== undefined &&
      since !== undefined &&
      found.is_continued === true &&
      found.letters === since.letters &&
      found.position - since.position <= BigInt(changesMax) &&
      !found.is_everything
    if (isKnown) {
      for (const userId of found.users ?? []) {
        remembered?.delete(keyOf(ledgerId, userId))
        for (const load of memory.loads) load.changed.add(userId)
      }
    } else {
      memory.generation += 1
      for (const load of memory.loads) load.isEverything = true
    }
    memory.version =
      found === undefined ? undefined : { position: found.position, hash: found.hash, letters: found.letters }
  }

  async function load(
    ledgerId: string,
    memory: LedgerMemory,
    userIds: readonly string[],
  ): Promise<(userId: string) => Accounts> {
    const { version, generation } = memory
    const load: Load = { changed: new Set(), isEverything: version === undefined }
    memory.loads.add(load)
    const byUser = new Map<string, UserAccount[]>()
    try {
      for (const row of await ask<UserAccountRow>(userAccountsStatement(ledgerId, userIds))) {
        const accounts = byUser.get(row.user_id)
        if (accounts === undefined) byUser.set(row.user_id, [row])
        else accounts.push(row)
      }
    } finally {
      memory.loads.delete(load)
    }
    for (const [userId, accounts] of byUser) {
      // Whether something waits can become known without an event.
      const isStable = accounts.every((account) => account.is_waiting !== null)
      if (isStable && !load.isEverything && !load.changed.has(userId))
        remembered?.set(keyOf(ledgerId, userId), { accounts, generation })
    }
    return (userId) => byUser.get(userId) ?? []
  }

  return {
    async read(ledgerId, userId, isAnew) {
      const memory = memoryOf(ledgerId)
      const find = (): Remembered | undefined => {
        const found = remembered?.get(keyOf(ledgerId, userId))
        return found?.generation === memory.generation ? found : undefined
      }
      if (!isAnew && find() !== undefined) {
        await memory.follow.read("")
        const found = find()
        if (found !== undefined) return { accounts: found.accounts, source: "cache" }
      }
      // Nothing is remembered before it is known of which version.
      if (remembered !== undefined && memory.version === undefined)
        memory.follow.read("").catch(() => undefined)
      return { accounts: await memory.rows.read(userId), source: "database" }
    },
  }
}

function keyOf(ledgerId: string, userId: string): string {
  return `${ledgerId}\n${userId}`
}
