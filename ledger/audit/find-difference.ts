import { type RawBuilder, sql, type Transaction } from "kysely"
import type { Database } from "../store/database.ts"

/** What does not hold, and the event that it is about, where there is one. */
export type Problem = { readonly position: bigint | null; readonly problem: string }

type Row = Readonly<Record<string, string | null>>

/**
 * Compares two sets of rows by their keys, both directions, in the database: nothing is loaded but the first difference.
 * @param comparison.position the column that names the event
 * @param comparison.logged what the log gives: the same columns with the same types as `stored`
 */
export async function findDifference(
  trx: Transaction<Database>,
  comparison: {
    readonly table: string
    readonly keys: readonly string[]
    readonly position: string
    readonly logged: RawBuilder<unknown>
    readonly stored: RawBuilder<unknown>
  },
): Promise<Problem | null> {
  const keys = sql.join(comparison.keys.map((key) => sql.ref(key)))
  const { rows } = await sql<{ logged: Row | null; stored: Row | null }>`
    WITH logged AS (${comparison.logged}), stored AS (${comparison.stored})
    SELECT (SELECT json_object_agg(key, value) FROM jsonb_each_text(to_jsonb(l))) AS logged,
      (SELECT json_object_agg(key, value) FROM jsonb_each_text(to_jsonb(s))) AS stored
    FROM logged l FULL JOIN stored s USING (${keys})
    WHERE l IS DISTINCT FROM s
    ORDER BY ${keys} LIMIT 1`.execute(trx)
  const [row] = rows
  if (row === undefined) return null
  const position = row.logged?.[comparison.position] ?? null
  return { position: position === null ? null : BigInt(position), problem: describe(comparison, row) }
}

function describe(
  { table, keys }: { readonly table: string; readonly keys: readonly string[] },
  { logged, stored }: { readonly logged: Row | null; readonly stored: Row | null },
): string {
  const some = logged ?? stored ?? {}
  const name = keys.map((key) => `${key} ${some[key]}`).join(", ")
  if (stored === null) return `${table} lacks the row of ${name}, which the log gives`
  if (logged === null) return `${table} has a row of ${name}, which the log does not give`
  const differences = Object.keys(logged)
    .filter((column) => logged[column] !== stored[column])
    .map((column) => `${column} is ${stored[column]}, the log says ${logged[column]}`)
  return `${table}, row of ${name}: ${differences.join("; ")}`
}
