import type { Kysely } from "kysely"
import type { Database } from "./database.ts"

/** Whether a ledger knows a user: from his first adjustment on. */
export async function hasUser(db: Kysely<Database>, ledgerId: string, userId: string): Promise<boolean> {
  const account = await db
    .selectFrom("ledger.accounts")
    .select("account_id")
    .where("ledger_id", "=", ledgerId)
    .where("user_id", "=", userId)
    .executeTakeFirst()
  return account !== undefined
}
