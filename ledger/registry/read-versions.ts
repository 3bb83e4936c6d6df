import { type Kysely, sql } from "kysely"
import type { Database } from "../store/database.ts"
import type { RegistryKind } from "../store/registry-version-tables.ts"

export type Document = Readonly<Record<string, unknown>>

export type EntryVersion = {
  readonly entryId: string
  readonly version: number
  readonly at: Date
  readonly actor: string
  readonly reason: string | null
  readonly requestId: string | null
  readonly rolledBackTo: number | null
  /** null: the entry was taken out. */
  readonly document: Document | null
  /** Of the version before. */
  readonly before: Document | null
}

type Row = {
  entry_id: string
  version: number
  at: Date
  actor: string
  reason: string | null
  request_id: string | null
  rolled_back_to: number | null
  document: Document | null
  before: Document | null
}

const columns = sql.raw(
  "v.entry_id, v.version, v.at, v.actor, v.reason, v.request_id, v.rolled_back_to, v.document, p.document AS before",
)
const withPrevious = sql.raw(`registry.versions v LEFT JOIN registry.versions p
  ON p.kind = v.kind AND p.entry_id = v.entry_id AND p.version = v.version - 1`)

/** Every entry of a kind as it is now, which is what its newest version says. */
export async function readEntries(db: Kysely<Database>, kind: RegistryKind): Promise<EntryVersion[]> {
  const { rows } = await sql<Row>`
    SELECT ${columns} FROM ${withPrevious}
    WHERE v.kind = ${kind} AND v.document IS NOT NULL
      AND NOT EXISTS (SELECT FROM registry.versions n WHERE n.kind = v.kind AND n.entry_id = v.entry_id AND n.version > v.version)
    ORDER BY v.entry_id`.execute(db)
  return rows.map(present)
}

/** The newest version of an entry; undefined where there never was one. */
export async function readEntry(
  db: Kysely<Database>,
  kind: RegistryKind,
  entryId: string,
): Promise<EntryVersion | undefined> {
  const [newest] = await readVersions(db, kind, entryId, { before: null, limit: 1 })
  return newest
}

/** Newest first. @param page.before only versions below this one */
export async function readVersions(
  db: Kysely<Database>,
  kind: RegistryKind,
  entryId: string,
  page: { readonly before: number | null; readonly limit: number },
): Promise<EntryVersion[]> {
  const { rows } = await sql<Row>`
    SELECT ${columns} FROM ${withPrevious}
    WHERE v.kind = ${kind} AND v.entry_id = ${entryId} AND (${page.before}::bigint IS NULL OR v.version < ${page.before}::bigint)
    ORDER BY v.version DESC LIMIT ${page.limit}`.execute(db)
  return rows.map(present)
}

export async function readVersion(
  db: Kysely<Database>,
  kind: RegistryKind,
  entryId: string,
  version: number,
): Promise<EntryVersion | undefined> {
  const { rows } = await sql<Row>`
    SELECT ${columns} FROM ${withPrevious}
    WHERE v.kind = ${kind} AND v.entry_id = ${entryId} AND v.version = ${version}`.execute(db)
  const [row] = rows
  return row === undefined ? undefined : present(row)
}

function present(row: Row): EntryVersion {
  return {
    entryId: row.entry_id,
    version: row.version,
    at: row.at,
    actor: row.actor,
    reason: row.reason,
    requestId: row.request_id,
    rolledBackTo: row.rolled_back_to,
    document: row.document,
    before: row.before,
  }
}
