import { type Kysely, sql, type Transaction } from "kysely"
import type { Database } from "../../store/database.ts"
import type { Projection, Sql, TableOf } from "./projection.ts"

/** One set of tables of a projection, filled by the code of one version. */
export type BuildKey = { readonly name: string; readonly version: number; readonly build: number }

export type BuildState = "building" | "serving" | "retired"

export type BuildRow = BuildKey & { readonly state: BuildState; readonly tables: readonly string[] }

/** A build that this program has the code for. */
export type Build = BuildKey & { readonly projection: Projection }

export function tableNameOf(key: BuildKey, table: string): string {
  return `${table}_v${key.version}_${key.build}`
}

export function tableOf(key: BuildKey): TableOf {
  return (table) => sql`analytics.${sql.ref(tableNameOf(key, table))}`
}

/** For people and logs. */
export function labelOf({ name, version, build }: BuildKey): string {
  return `${name} v${version}, build ${build}`
}

/** The condition on a row of `ledger.projections` or `ledger.projection_checkpoints`. */
export function isOf({ name, version, build }: BuildKey): Sql {
  return sql`name = ${name} AND version = ${version} AND build = ${build}`
}

/** What an alarm about a build is about. @param where the ledger's id, or `swap` */
export function alarmSubjectOf({ name, version, build }: BuildKey, where: string): string {
  return `projection:${name}:v${version}:${build}:${where}`
}

/** The builds of a projection that are not retired, and those whose tables wait to be dropped. */
export async function readBuilds(
  db: Kysely<Database> | Transaction<Database>,
  name: string,
): Promise<readonly BuildRow[]> {
  const { rows } = await sql<BuildRow>`
    SELECT name, version, build, state, tables FROM ledger.projections
    WHERE name = ${name} AND dropped_at IS NULL ORDER BY version, build`.execute(db)
  return rows
}

/** The builds that serve, of whatever projections there are. */
export async function readServing(
  db: Kysely<Database> | Transaction<Database>,
): Promise<readonly BuildRow[]> {
  const { rows } = await sql<BuildRow>`
    SELECT name, version, build, state, tables FROM ledger.projections WHERE state = 'serving' ORDER BY name`.execute(
    db,
  )
  return rows
}

/** Statements that make, fill or drop tables run one after the other. */
export async function execute(trx: Transaction<Database>, statements: readonly Sql[]): Promise<void> {
  for (const statement of statements) await statement.execute(trx)
}

/**
 * From here to the end of the transaction whatever is made belongs to the role of all our processes and not to the login of this one; nothing in it waits for a lock for
 * long, because whoever wants to read would wait behind it.
 */
export async function asOwnerOfTables(trx: Transaction<Database>): Promise<void> {
  await sql`SET LOCAL ROLE chainbridge_app`.execute(trx)
  await sql`SET LOCAL lock_timeout = '2s'`.execute(trx)
}
