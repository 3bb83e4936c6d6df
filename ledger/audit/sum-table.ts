import { sql, type Transaction } from "kysely"
import type { Database } from "../store/database.ts"
import { addSums, emptySum, type KeyedSum } from "./scan/keyed-sum.ts"
import type { RowTable } from "./scan/row-tables.ts"
import type { ScanPool } from "./scan/scan-pool.ts"

const pagesPerTask = 1_000

/** The keyed sum over a ledger's rows of a table, read in one pass by all threads. */
export async function sumTable(
  trx: Transaction<Database>,
  pool: ScanPool,
  table: RowTable,
): Promise<KeyedSum> {
  const { rows } = await sql<{ pages: bigint }>`
    SELECT pg_relation_size(${table}::regclass) / current_setting('block_size')::integer AS pages`.execute(
    trx,
  )
  const tasks = Array.from(
    { length: Math.ceil(Number(rows[0]?.pages ?? 0n) / pagesPerTask) },
    (_, index) => ({
      kind: "rows" as const,
      table,
      fromPage: index * pagesPerTask,
      toPage: (index + 1) * pagesPerTask,
    }),
  )
  const sum = emptySum()
  for await (const result of pool.run(tasks)) {
    if (result.kind === "rows") addSums(sum, result.sum)
  }
  return sum
}
