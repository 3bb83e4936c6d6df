import { type Kysely, sql } from "kysely"
import type { Database } from "../../ledger/store/database.ts"
import type { ImportRow } from "../imports/import-store.ts"

export type ImportRefusal = {
  readonly line: bigint
  readonly code: string
  readonly field: string | null
  readonly message: string
}

/** Refused lines of an import as far as it was when `row` was read, which counts them: behind a line, in their order. */
export async function readImportRefusals(
  db: Kysely<Database>,
  row: Pick<ImportRow, "ledger_id" | "import_id" | "next_line">,
  afterLine: bigint,
  limit: number,
): Promise<readonly ImportRefusal[]> {
  const { rows } = await sql<ImportRefusal>`
    SELECT line, code, field, message FROM ledger.import_refusals
    WHERE ledger_id = ${row.ledger_id} AND import_id = ${row.import_id} AND line > ${afterLine} AND line < ${row.next_line}
    ORDER BY line LIMIT ${limit}`.execute(db)
  return rows
}
