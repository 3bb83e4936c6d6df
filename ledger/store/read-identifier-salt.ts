import type { Kysely } from "kysely"
import type { Database } from "./database.ts"

/** The 32 secret bytes of a ledger. No answer, export or log line has them. */
export async function readIdentifierSalt(db: Kysely<Database>, ledgerId: string): Promise<Buffer> {
  const { identifier_salt: salt } = await db
    .selectFrom("registry.ledgers")
    .select("identifier_salt")
    .where("ledger_id", "=", ledgerId)
    .executeTakeFirstOrThrow()
  return salt
}
