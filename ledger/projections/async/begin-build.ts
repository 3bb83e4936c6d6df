import { type Kysely, sql, type Transaction } from "kysely"
import { projectionsChangedChannel } from "../../store/channels.ts"
import type { Database } from "../../store/database.ts"
import { asOwnerOfTables, type BuildKey, execute, readBuilds, tableNameOf, tableOf } from "./build.ts"
import type { Projection } from "./projection.ts"

/**
 * Sees to it that this program's version of a projection is there: an empty database begins it, and so does an upgrade, beside the version that serves. A program
 * that is older than what it finds leaves it alone. What is retired counts for nothing: an older program may have been asked to build its own version again.
 * @returns whether a build was begun
 */
export async function ensureBuild(db: Kysely<Database>, projection: Projection): Promise<boolean> {
  const newest = async (handle: Kysely<Database>) => {
    const { rows } = await sql<{ version: number | null }>`
      SELECT max(version) AS version FROM ledger.projections WHERE name = ${projection.name} AND state <> 'retired'`.execute(
      handle,
    )
    return rows[0]?.version ?? 0
  }
  if ((await newest(db)) >= projection.version) return false
  return db.transaction().execute(async (trx) => {
    await lockName(trx, projection.name)
    if ((await newest(trx)) >= projection.version) return false
    await begin(trx, projection)
    return true
  })
}

/**
 * Begins to build a projection once more beside the tables that serve.
 * @returns the build, or null where one of this version or of a newer one is being built already
 */
export function beginRebuild(db: Kysely<Database>, projection: Projection): Promise<BuildKey | null> {
  return db.transaction().execute(async (trx) => {
    await lockName(trx, projection.name)
    const builds = await readBuilds(trx, projection.name)
    // One of an older version is given up: whoever could finish it may be gone.
    if (builds.some(({ state, version }) => state === "building" && version >= projection.version))
      return null
    return begin(trx, projection)
  })
}

/** Two that begin a build of one projection take turns. */
async function lockName(trx: Transaction<Database>, name: string): Promise<void> {
  await sql`SELECT pg_advisory_xact_lock(hashtextextended(${`ledger.projections:${name}`}, 0))`.execute(trx)
}

async function begin(trx: Transaction<Database>, projection: Projection): Promise<BuildKey> {
  const { name, version } = projection
  // An unfinished build of an older version has nobody to finish it.
  await sql`
    UPDATE ledger.projections SET state = 'retired', retired_at = now() WHERE name = ${name} AND state = 'building'`.execute(
    trx,
  )
  await sql`
    DELETE FROM ledger.projection_checkpoints c USING ledger.projections p
    WHERE p.name = ${name} AND p.state = 'retired' AND c.name = p.name AND c.version = p.version AND c.build = p.build`.execute(
    trx,
  )
  const { rows } = await sql<{ build: number }>`
    SELECT coalesce(max(build), 0) + 1 AS build FROM ledger.projections WHERE name = ${name} AND version = ${version}`.execute(
    trx,
  )
  const key = { name, version, build: rows[0]?.build ?? 1 }
  const tables = projection.tables.map((table) => tableNameOf(key, table))
  await sql`
    INSERT INTO ledger.projections (name, version, build, state, tables)
    VALUES (${name}, ${version}, ${key.build}, 'building', ${tables})`.execute(trx)
  await sql`SELECT pg_notify(${projectionsChangedChannel}, ${name})`.execute(trx)
  await asOwnerOfTables(trx)
  await execute(trx, projection.init(tableOf(key)))
  return key
}
