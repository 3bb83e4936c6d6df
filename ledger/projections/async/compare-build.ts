import { sql, type Transaction } from "kysely"
import { findDifference, type Problem } from "../../audit/find-difference.ts"
import type { Database } from "../../store/database.ts"
import { type Build, labelOf, tableOf } from "./build.ts"

/**
 * Compares the tables of a build, row for row, with what the log gives at the same position when it is read in one piece: other statements than those that filled them.
 * @param position the build's checkpoint in the ledger
 */
export async function compareBuild(
  trx: Transaction<Database>,
  build: Build,
  ledgerId: string,
  position: bigint,
): Promise<Problem | null> {
  // The comparison is one join of all rows: in memory as far as that goes.
  await sql`SELECT set_config('work_mem', '128MB', true), set_config('jit', 'off', true)`.execute(trx)
  const whole = { ledgerId, after: 0n, upTo: position }
  for (const comparison of build.projection.comparisons(whole, tableOf(build))) {
    const problem = await findDifference(trx, comparison)
    if (problem !== null) return { ...problem, problem: `projection ${labelOf(build)}: ${problem.problem}` }
  }
  return null
}
