import { type Kysely, sql } from "kysely"
import type { Database } from "../../ledger/store/database.ts"

/** Tables of what the product keeps; the audit log and who is alive are left out. */
export async function listTables(owner: Kysely<Database>): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`
    SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables
    WHERE schemaname IN ('registry', 'ledger', 'settlement', 'webhooks')
      AND tablename NOT IN ('processes', 'sign_in_attempts', 'audit_log')`.execute(owner)
  return rows.map(({ name }) => name)
}

/** Every row of every table by the table's name, save what a request leaves behind that did nothing. */
export async function everyRow(owner: Kysely<Database>): Promise<Record<string, string>> {
  const found: Record<string, string> = {}
  for (const name of await listTables(owner)) {
    const { rows } = await sql<{ row: string }>`
      SELECT (to_jsonb(t) - 'last_used_at' - 'touched_at')::text AS row FROM ${sql.raw(name)} t ORDER BY 1`.execute(
      owner,
    )
    found[name] = rows.map(({ row }) => row).join("\n")
  }
  return found
}
