import { type Kysely, sql } from "kysely"
import type { Database } from "../../ledger/store/database.ts"

export type ImportRefusal = {
  readonly line: bigint
  readonly code: string
  readonly field: string | null
  readonly message: string
}

/** Refused lines of an import behind a line, in their order. */
export async function readImportRefusals(
  db: Kysely<Database>,
  ledgerId: string,
  importId: string,
  afterLine: bigint,
  limit: number,
): Promise<readonly ImportRefusal[]> {
  const { rows } = await sql<ImportRefusal>`
    SELECT line, code, field, message FROM ledger.import_refusals
    WHERE ledger_id = ${ledgerId} AND import_id = ${importId} AND line > ${afterLine}
    ORDER BY line LIMIT ${limit}`.execute(db)
  return rows
}
