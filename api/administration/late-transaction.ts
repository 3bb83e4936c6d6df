import type { ControlledTransaction, Kysely, Transaction } from "kysely"
import type { Database } from "../../ledger/store/database.ts"

/**
 * One transaction for a handler that opens its own. It begins with the first of them, so that nothing is held while the handler still asks a chain or a name server; to commit it is left to whoever
 * called the handler. Where the handler's work in it throws, it is rolled back at once, and the next one begins anew.
 */
export type LateTransaction = {
  /** For the handler. What it reads and writes here is on its own until the transaction begins, and within it from then on. */
  readonly db: Kysely<Database>
  /** undefined: none has begun, or it was rolled back. */
  current(): Transaction<Database> | undefined
  commit(): Promise<void>
  rollback(): Promise<void>
}

/** @param onBegin is run first in the transaction; where it throws, nothing else is */
export function createLateTransaction(
  db: Kysely<Database>,
  onBegin: (trx: Transaction<Database>) => Promise<void>,
): LateTransaction {
  let open: ControlledTransaction<Database> | undefined

  async function rollback(): Promise<void> {
    const trx = open
    open = undefined
    // Where it fails the connection is gone, and PostgreSQL has rolled back: what came before it is what matters.
    await trx
      ?.rollback()
      .execute()
      .catch(() => undefined)
  }

  async function commit(): Promise<void> {
    await open?.commit().execute()
    open = undefined
  }

  async function execute<Result>(work: (trx: Transaction<Database>) => Promise<Result>): Promise<Result> {
    try {
      if (open === undefined) {
        open = await db.startTransaction().execute()
        await onBegin(open)
      }
      return await work(open)
    } catch (error) {
      await rollback()
      throw error
    }
  }

  const handed = new Proxy(db, {
    get(_, name) {
      if (name === "transaction") return () => ({ execute })
      const target = open ?? db
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === "function" ? value.bind(target) : value
    },
  })

  return { db: handed, current: () => open, commit, rollback }
}
