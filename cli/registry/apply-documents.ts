import { isDeepStrictEqual } from "node:util"
import { sql, type Transaction } from "kysely"
import { type EditableKind, editableKinds } from "../../ledger/registry/editable-kinds.ts"
import { type Document, readEntry, readVersion } from "../../ledger/registry/read-versions.ts"
import type { Database } from "../../ledger/store/database.ts"

/** A field that was changed over the API, or in the database, since the files were applied last, and of which they say something else. */
export type RuntimeChange = {
  readonly kind: EditableKind
  readonly entryId: string
  readonly field: string
  readonly current: unknown
  readonly inFiles: unknown
  /** Of the newest version. */
  readonly actor: string
}

/** What becomes of such fields: the files win, or the registry, or neither and nothing is applied. */
export type WhenChanged = "overwrite" | "keep" | "refuse"

/**
 * What an entry is to be: what the files say, save what was changed at run time. What they say is remembered, so that the next time it is known which of both has changed.
 * @returns the document to write, and whether the entry is there
 */
export async function mergeDocument<Wanted extends Document>(
  trx: Transaction<Database>,
  entry: { readonly kind: EditableKind; readonly entryId: string; readonly document: Wanted },
  whenChanged: WhenChanged,
  found: RuntimeChange[],
): Promise<Wanted & { readonly is_retired: boolean }> {
  const { kind, entryId, document } = entry
  await editableKinds[kind].lock(trx, entryId)
  const known = await readEntry(trx, kind, entryId)
  const current = known?.document ?? null
  const base = current === null ? null : await readBase(trx, kind, entryId)
  await sql`
    INSERT INTO registry.applied_documents (kind, entry_id, document) VALUES (${kind}, ${entryId}, ${JSON.stringify(document)})
    ON CONFLICT (kind, entry_id) DO UPDATE SET document = excluded.document, applied_at = clock_timestamp()
    WHERE applied_documents.document <> excluded.document`.execute(trx)
  const merged = Object.entries(document).map(([field, inFiles]): [string, unknown] => {
    if (known === undefined || current === null) return [field, inFiles]
    const is = current[field]
    const isUntouched = base !== null && isDeepStrictEqual(is, base[field])
    if (isUntouched || isDeepStrictEqual(is, inFiles)) return [field, inFiles]
    found.push({ kind, entryId, field, current: is, inFiles, actor: known.actor })
    return [field, whenChanged === "overwrite" ? inFiles : is]
  })
  // Each value is the wanted document's own, or one of the same kind that the registry has taken before.
  return { ...(Object.fromEntries(merged) as Wanted), is_retired: current?.["is_retired"] === true }
}

/** What the files said the last time. What was put there by a statement at the database counts as theirs. */
async function readBase(
  trx: Transaction<Database>,
  kind: EditableKind,
  entryId: string,
): Promise<Document | null> {
  const applied = await trx
    .selectFrom("registry.applied_documents")
    .select("document")
    .where("kind", "=", kind)
    .where("entry_id", "=", entryId)
    .executeTakeFirst()
  if (applied !== undefined) return applied.document
  const first = await readVersion(trx, kind, entryId, 1)
  return first?.actor.startsWith("database:") === true ? first.document : null
}

/** One line a field, for people. */
export function describeRuntimeChange({
  kind,
  entryId,
  field,
  current,
  inFiles,
  actor,
}: RuntimeChange): string {
  return `${kind} ${entryId}: ${field} is ${JSON.stringify(current)} (last changed by ${actor}), the files say ${JSON.stringify(inFiles)}`
}
