import { sql, type Transaction } from "kysely"
import { allProjections } from "../projections/async/all-projections.ts"
import type { BuildRow } from "../projections/async/build.ts"
import { compareBuild } from "../projections/async/compare-build.ts"
import type { Projection } from "../projections/async/projection.ts"
import type { Database } from "../store/database.ts"
import type { Problem } from "./find-difference.ts"

/**
 * Every projection that serves is, row for row, what the log gives up to the position that it has reached, and empty where it has not begun; none is ahead of the log.
 * @param serving the builds that serve; those that this program has no code for are left out: see uncomparedOf
 */
export async function verifyProjections(
  trx: Transaction<Database>,
  ledgerId: string,
  serving: readonly BuildRow[],
  projections: readonly Projection[] = allProjections,
): Promise<Problem | null> {
  for (const build of serving) {
    const { name, version } = build
    const { rows } = await sql<{ readonly position: bigint; readonly head: bigint }>`
      SELECT coalesce((
        SELECT position FROM ledger.projection_checkpoints
        WHERE ledger_id = h.ledger_id AND name = ${name} AND version = ${version} AND build = ${build.build}), 0) AS position, h.position AS head
      FROM ledger.head h WHERE h.ledger_id = ${ledgerId}`.execute(trx)
    const { position, head } = rows[0] ?? { position: 0n, head: 0n }
    if (position > head) {
      return {
        position: null,
        problem: `projection ${name} says that it has read up to ${position}, the log ends at ${head}`,
      }
    }
    const projection = projections.find((each) => each.name === name && each.version === version)
    if (projection === undefined) continue
    const problem = await compareBuild(trx, { ...build, projection }, ledgerId, position)
    if (problem !== null) return problem
  }
  return null
}

/** Projections that are not compared: nobody has built them yet, or only another version of the program, and this one does not know what theirs should hold. */
export function uncomparedOf(
  serving: readonly BuildRow[],
  projections: readonly Projection[] = allProjections,
): string[] {
  const isServed = ({ name, version }: Projection) =>
    serving.some((build) => build.name === name && build.version === version)
  return projections.filter((projection) => !isServed(projection)).map(({ name }) => name)
}
