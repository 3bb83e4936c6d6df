import type { Kysely } from "kysely"
import type { Database } from "../../ledger/store/database.ts"

/** What commands have done, as the audit log tells it, and in which ledger. */
export async function readCommandsLog(
  db: Kysely<Database>,
): Promise<{ readonly action: string; readonly ledger_id: string | null; readonly after: unknown }[]> {
  return db
    .selectFrom("registry.audit_log")
    .select(["action", "ledger_id", "after"])
    .where("actor", "like", "command:_%")
    .where("request_id", "is", null)
    .orderBy("entry_id")
    .execute()
}
