import { CompiledQuery, type Kysely } from "kysely"
import type { Original } from "../../ledger/domain/reverse-adjustment.ts"
import type { Database } from "../../ledger/store/database.ts"
import { findOriginals, type OriginalRow, toOriginal } from "../../ledger/store/find-originals.ts"

/** An event of one account that somebody wants to take back; undefined where there is none. */
export async function readOriginal(
  db: Kysely<Database>,
  ledgerId: string,
  position: bigint,
): Promise<Original | undefined> {
  const { text, values } = findOriginals(ledgerId, [position])
  const { rows } = await db.executeQuery<OriginalRow>(CompiledQuery.raw(text, [...values]))
  const [row] = rows
  return row === undefined ? undefined : toOriginal(row)
}
