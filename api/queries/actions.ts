import { type Kysely, sql } from "kysely"
import type { Database } from "../../ledger/store/database.ts"
import type { ActionRow } from "../presenters/action.ts"

/** Entries of the audit log, newest first. An entry has its number before its transaction commits: a page may lack one that was under way when it was read. */
export async function readActions(
  db: Kysely<Database>,
  wanted: {
    readonly ledgerId: string
    /** Also what concerns no single app. */
    readonly isWithInstallation: boolean
    readonly actor: string | undefined
    readonly action: string | undefined
    readonly from: Date | undefined
    readonly to: Date | undefined
    readonly before: bigint | null
    readonly limit: number
  },
): Promise<readonly ActionRow[]> {
  const { actor = null, action = null, from = null, to = null, before } = wanted
  const { rows } = await sql<ActionRow>`
    SELECT entry_id, at, ledger_id, actor, action, subject, before, after, request_id, host(address) AS address
    FROM registry.audit_log
    WHERE (ledger_id = ${wanted.ledgerId} OR (${wanted.isWithInstallation} AND ledger_id IS NULL))
      AND (${actor}::text IS NULL OR actor = ${actor}) AND (${action}::text IS NULL OR action = ${action})
      AND (${from}::timestamptz IS NULL OR at >= ${from}::timestamptz) AND (${to}::timestamptz IS NULL OR at < ${to}::timestamptz)
      AND (${before}::bigint IS NULL OR entry_id < ${before}::bigint)
    ORDER BY entry_id DESC LIMIT ${wanted.limit}`.execute(db)
  return rows
}
