import { randomBytes } from "node:crypto"
import { type RawBuilder, sql, type Transaction } from "kysely"
import { findDifference, type Problem } from "../../audit/find-difference.ts"
import type { Database } from "../../store/database.ts"
import { type Build, labelOf, tableOf } from "./build.ts"

/**
 * Compares the tables of a build, row for row, with what the log gives at the same position when it is read in one piece: other statements than those that filled them. First the sums of all
 * rows' hashes, under a key that is drawn for each comparison; only where these differ are the rows put side by side to find the first one.
 * @param position the build's checkpoint in the ledger
 */
export async function compareBuild(
  trx: Transaction<Database>,
  build: Build,
  ledgerId: string,
  position: bigint,
): Promise<Problem | null> {
  await sql`SELECT set_config('work_mem', '64MB', true), set_config('jit', 'off', true)`.execute(trx)
  const whole = { ledgerId, after: 0n, upTo: position }
  const key = randomBytes(8).readBigInt64BE()
  for (const comparison of build.projection.comparisons(whole, tableOf(build))) {
    if ((await sumOf(trx, comparison.logged, key)) === (await sumOf(trx, comparison.stored, key))) continue
    const problem = await findDifference(trx, comparison)
    if (problem !== null) return { ...problem, problem: `projection ${labelOf(build)}: ${problem.problem}` }
  }
  return null
}

/** How many rows there are, and what their hashes add up to, in any order. */
async function sumOf(trx: Transaction<Database>, rows: RawBuilder<unknown>, key: bigint): Promise<string> {
  const { rows: sums } = await sql<{ sum: string }>`
    SELECT count(*) || ':' || coalesce(sum(hashtextextended(r::text, ${key})), 0) AS sum FROM (${rows}) AS r`.execute(
    trx,
  )
  return sums[0]?.sum ?? ""
}
