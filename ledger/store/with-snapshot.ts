import { type Kysely, sql, type Transaction } from "kysely"
import type { Database } from "./database.ts"

/**
 * Runs `work` on one snapshot, read only. It may pause between its statements for as long as it likes: it locks no rows. Whoever archives or migrates what it has read waits for its end.
 */
export function withSnapshot<Result>(
  db: Kysely<Database>,
  work: (trx: Transaction<Database>) => Promise<Result>,
): Promise<Result> {
  return db
    .transaction()
    .setIsolationLevel("repeatable read")
    .setAccessMode("read only")
    .execute(async (trx) => {
      await sql`SET LOCAL idle_in_transaction_session_timeout = 0`.execute(trx)
      return work(trx)
    })
}
