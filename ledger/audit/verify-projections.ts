import { sql, type Transaction } from "kysely"
import { allProjections } from "../projections/async/all-projections.ts"
import type { BuildKey } from "../projections/async/build.ts"
import { compareBuild } from "../projections/async/compare-build.ts"
import type { Projection } from "../projections/async/projection.ts"
import type { Database } from "../store/database.ts"
import type { Problem } from "./find-difference.ts"

/**
 * Every projection that serves is, row for row, what the log gives up to the position that it has reached; none is ahead of the log. What another version of the program
 * has built is not compared: this one does not know what it should hold.
 */
export async function verifyProjections(
  trx: Transaction<Database>,
  ledgerId: string,
  projections: readonly Projection[] = allProjections,
): Promise<Problem | null> {
  const { rows } = await sql<BuildKey & { readonly position: bigint; readonly head: bigint }>`
    SELECT c.name, c.version, c.build, c.position, h.position AS head
    FROM ledger.projection_checkpoints c
    JOIN ledger.projections p ON p.name = c.name AND p.version = c.version AND p.build = c.build
    JOIN ledger.head h ON h.ledger_id = c.ledger_id
    WHERE c.ledger_id = ${ledgerId} AND p.state = 'serving' ORDER BY c.name`.execute(trx)
  for (const row of rows) {
    if (row.position > row.head) {
      return {
        position: null,
        problem: `projection ${row.name} says that it has read up to ${row.position}, the log ends at ${row.head}`,
      }
    }
    const projection = projections.find(({ name, version }) => name === row.name && version === row.version)
    if (projection === undefined) continue
    const problem = await compareBuild(trx, { ...row, projection }, ledgerId, row.position)
    if (problem !== null) return problem
  }
  return null
}
