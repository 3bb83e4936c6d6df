import { type Kysely, sql, type Transaction } from "kysely"
import { allProjections } from "../../ledger/projections/async/all-projections.ts"
import { type Build, type BuildKey, readBuilds, tableOf } from "../../ledger/projections/async/build.ts"
import { compareBuild } from "../../ledger/projections/async/compare-build.ts"
import { projectFrom } from "../../ledger/projections/async/project-page.ts"
import type { Projection } from "../../ledger/projections/async/projection.ts"
import { readProgress } from "../../ledger/projections/async/read-progress.ts"
import { runProjections } from "../../ledger/projections/async/run-projections.ts"
import { holdStill } from "../../ledger/projections/async/serve-build.ts"
import type { Database } from "../../ledger/store/database.ts"
import { createLogger } from "../../platform/logger.ts"
import type { Loop } from "../../platform/loop.ts"
import { waitUntil } from "./wait-until.ts"

/** A worker's projections in this process, told of nothing: it looks by itself. */
export function startProjections(
  db: Kysely<Database>,
  projections: readonly Projection[] = allProjections,
): Loop {
  const logger = createLogger("test", process.env["TEST_LOG_LEVEL"] ?? "silent")
  return runProjections({ db, logger, projections })
}

/** Waits until every one of these projections serves and has all of the log. */
export async function whenCurrent(
  db: Kysely<Database>,
  projections: readonly Projection[] = allProjections,
): Promise<void> {
  await waitUntil(
    async () => {
      const builds = await readProgress(db)
      return projections.every(({ name, version }) =>
        builds.some(
          (build) =>
            build.name === name &&
            build.version === version &&
            build.state === "serving" &&
            build.ledgers.every(({ position, head }) => position === head),
        ),
      )
    },
    { what: "the projections are current", timeoutMs: 30_000, describe: () => readProgress(db) },
  )
}

/** @throws where there is no such build */
export async function findBuild(
  db: Kysely<Database>,
  projection: Projection,
  state: "building" | "serving" | "retired",
): Promise<Build> {
  const row = (await readBuilds(db, projection.name)).find((build) => build.state === state)
  if (row === undefined) throw new Error(`no build of ${projection.name} is ${state}`)
  return { ...row, projection }
}

/** The first difference between the tables that serve and what the log gives, at the position that they have reached. */
export function findDifferenceFromLog(
  db: Kysely<Database>,
  projection: Projection,
  ledgerId: string,
): Promise<string | null> {
  return db.transaction().execute(async (trx) => {
    const build = await findBuild(trx, projection, "serving")
    const { rows } = await sql<{ position: bigint }>`
      SELECT position FROM ledger.projection_checkpoints
      WHERE ledger_id = ${ledgerId} AND name = ${build.name} AND version = ${build.version} AND build = ${build.build} FOR UPDATE`.execute(
      trx,
    )
    return (await compareBuild(trx, build, ledgerId, rows[0]?.position ?? 0n))?.problem ?? null
  })
}

/** How many rows only one of two builds of the same version has. */
export async function countDifferences(
  trx: Transaction<Database>,
  projection: Projection,
  [one, other]: readonly [BuildKey, BuildKey],
): Promise<{ readonly rows: number; readonly differences: number }> {
  let all = 0
  let differences = 0
  for (const name of projection.tables) {
    const a = tableOf(one)(name)
    const b = tableOf(other)(name)
    const { rows } = await sql<{ rows: bigint; differences: bigint }>`
      SELECT (SELECT count(*) FROM ${a}) AS rows,
        (SELECT count(*) FROM ((TABLE ${a} EXCEPT ALL TABLE ${b}) UNION ALL (TABLE ${b} EXCEPT ALL TABLE ${a})) AS d) AS differences`.execute(
      trx,
    )
    all += Number(rows[0]?.rows)
    differences += Number(rows[0]?.differences)
  }
  return { rows: all, differences }
}

/**
 * What the swap does before it changes the views over, and then compares instead: both builds stand still at the same position in every ledger while writes go on.
 * @returns false while the new build is not that far
 */
export function compareAtSwap(
  db: Kysely<Database>,
  projection: Projection,
): Promise<{ readonly rows: number; readonly differences: number } | false> {
  return db.transaction().execute(async (trx) => {
    const serving = await findBuild(trx, projection, "serving")
    const building = await findBuild(trx, projection, "building")
    if ((await holdStill(trx, building)) === null) return false
    const { rows: heads } = await sql<{ ledger_id: string; position: bigint }>`
      SELECT ledger_id, position FROM ledger.head`.execute(trx)
    for (const build of [serving, building]) {
      for (const { ledger_id: ledgerId, position: head } of heads) {
        const { rows } = await sql<{ position: bigint }>`
          SELECT position FROM ledger.projection_checkpoints
          WHERE ledger_id = ${ledgerId} AND name = ${build.name} AND version = ${build.version} AND build = ${build.build}`.execute(
          trx,
        )
        const checkpoint = { position: rows[0]?.position ?? 0n, head, failed_position: null }
        const result = await projectFrom(trx, build, ledgerId, checkpoint, 100_000n)
        if (result.outcome !== "projected" || result.isBehind) return false
      }
    }
    return countDifferences(trx, projection, [serving, building])
  })
}
